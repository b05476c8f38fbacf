/** The page at `/`: what this is and where its metrics are. */
export function landingPage(version: string, core: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>Dragon Fork WebRTC exporter</title>
  </head>
  <body>
    <h1>Dragon Fork WebRTC exporter</h1>
    <p>Version ${escapeHtml(version)}, core ${escapeHtml(core)}.</p>
    <ul>
      <li><a href="metrics">Metrics</a></li>
      <li><a href="-/healthy">Health</a></li>
      <li><a href="-/ready">Readiness</a></li>
    </ul>
  </body>
</html>
`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, char => `&#${char.charCodeAt(0)};`)
}

import { readFile } from 'node:fs/promises'
import t from 'tap'
import {
  CATALOGUE,
  FAMILY_NAMES,
  familyOf,
} from '../../shared/protocol/catalogue.ts'
import type { SettingsTable } from '../../shared/runtime/settings.ts'
import { SETTINGS as EXPORTER } from '../../exporter/config.ts'
import { SETTINGS as MEDIA } from '../../media/config.ts'

const readme = await readFile(
  new URL('../../README.md', import.meta.url),
  'utf8',
)

/** Returns the rows that README must have for a settings table. */
function rowsOf(table: SettingsTable): readonly string[] {
  return Object.values(table).map(({ name, fallback, help, secret }) => {
    const shown = fallback === '' ? '' : `\`${fallback}\``
    const file = secret ? ` (or ${name}_FILE)` : ''
    return ['', name + file, shown, help, ''].join(' | ').trim()
  })
}

for (const [part, table] of Object.entries({
  media: MEDIA,
  exporter: EXPORTER,
})) {
  t.test(`README lists every setting of the ${part} process`, t => {
    for (const row of rowsOf(table)) {
      t.ok(readme.includes(`\n${row}\n`), row)
    }
    t.end()
  })
}

t.test('README lists every family with its type and labels', t => {
  const rows = readme.match(/^\| dragonfork_webrtc_.*$/gm) ?? []
  t.equal(rows.length, Object.keys(CATALOGUE).length)
  for (const name of FAMILY_NAMES) {
    const { type, labels } = familyOf(name)
    const row = `| ${name} | ${type} | ${labels.join(', ')} |`
    t.ok(rows.map(String).includes(row.replace('|  |', '| |')), row)
  }
  t.end()
})

// The list comes with the page; this only opens streams by their id.
const form = document.querySelector('#open')

document.querySelector('#none').hidden =
  document.querySelector('#streams').childElementCount > 0

form.addEventListener('submit', event => {
  event.preventDefault()
  const id = new FormData(form).get('id').trim()
  if (id !== '') location.href = `player/${encodeURIComponent(id)}`
})

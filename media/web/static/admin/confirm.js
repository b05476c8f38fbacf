import { element } from './element.js'

/**
 * Asks the operator in a dialog; Escape and "Cancel" mean no.
 *
 * @param {string} question
 * @param {string} words what a yes takes away
 * @param {string} yes label of the button
 * @returns {Promise<boolean>}
 */
export async function confirm(question, words, yes) {
  const dialog = element('dialog', {
    'aria-labelledby': 'question',
    'aria-describedby': 'consequence',
  })
  const accept = element('button', { type: 'button', class: 'danger' }, [yes])
  const cancel = element('button', { type: 'button', autofocus: true }, [
    'Cancel',
  ])
  dialog.append(
    element('h2', { id: 'question' }, [question]),
    element('p', { id: 'consequence' }, [words]),
    element('p', { class: 'actions' }, [cancel, accept]),
  )
  cancel.addEventListener('click', () => {
    dialog.close()
  })
  accept.addEventListener('click', () => {
    dialog.close('yes')
  })
  // Leaving the page for another view withdraws the question.
  const leave = () => {
    dialog.close()
  }
  window.addEventListener('hashchange', leave)
  document.body.append(dialog)
  dialog.showModal()
  await new Promise(resolve => {
    dialog.addEventListener('close', resolve)
  })
  window.removeEventListener('hashchange', leave)
  dialog.remove()
  return dialog.returnValue === 'yes'
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { adviceOf, ERROR_CODES, ERROR_RULES } from '../../workflows/errors.ts'
import { explanationOf, joinedMessage } from '../../workflows/explanation.ts'

describe('a message', () => {
  it('a message is the fact and the advice, each as sentences', () => {
    assert.equal(joinedMessage({ fact: 'It is full', advice: 'Empty it.' }), 'It is full. Empty it.')
    assert.equal(
      joinedMessage({ fact: 'It is full. Really!', advice: 'Empty it.' }),
      'It is full. Really! Empty it.',
    )
  })
})

describe('the parts of an error that is stored', () => {
  const { advice } = ERROR_RULES.folder_full
  const written = (message: string) => explanationOf({ code: 'folder_full', message })

  it('the parts of a stored error are its own two fields', () => {
    const error = { code: 'folder_full', message: 'x y', fact: 'It is full.', advice: 'Empty it.' }
    assert.deepEqual(explanationOf(error), { fact: 'It is full.', advice: 'Empty it.' })
  })

  it('the parts of an error of an earlier version are its message and the advice of the code', () => {
    assert.deepEqual(written('It is full.'), { fact: 'It is full.', advice })
    assert.deepEqual(written('It is full: empty it. Or not.'), {
      fact: 'It is full: empty it. Or not.',
      advice,
    })
  })

  it('an error of an earlier version whose message ends with the advice says nothing twice', () => {
    assert.deepEqual(written(`It is full. ${advice}`), { fact: 'It is full.', advice })
    assert.deepEqual(written(advice), { fact: advice, advice })
  })

  it('a stored error has an advice whatever its code', () => {
    for (const code of [...ERROR_CODES, 'of_a_later_version', 'toString'])
      assert.match(explanationOf({ code, message: 'x' }).advice, /^\p{Lu}.{10,}\.$/su, code)
    assert.equal(adviceOf('of_a_later_version'), ERROR_RULES.internal_error.advice)
  })
})

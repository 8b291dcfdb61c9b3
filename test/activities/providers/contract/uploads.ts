// What can be uploaded, under which name, and that a run never leaves a second copy.

import assert from 'node:assert/strict'
import { createMemoryStore, randomBytesOf } from './bench.ts'
import type { Suite } from './suite.ts'

const NAMES = [
  'with  several   spaces inside.dump',
  ' spaces at both ends .zip',
  'Ünïcödé – Ελληνικά – 日本語.tar.gz',
  'emoji 🐘💾 and a family 👩‍👩‍👧.zip',
  `quotes ' and " and \` and it's.dump`,
  'percent %20 and 100% + plus & ampersand # hash ? question.zip',
  'brackets [1] {2} (3) ; comma, equals = $ @ !.dump',
  `${'n'.repeat(195)}.dump`,
  `${'ü🐘'.repeat(65)}.dump`,
]

export function describeUploads({ traits, scenario }: Suite): void {
  scenario('a file of 1 byte', async (bench) => {
    const archive = await bench.newArchive(1)
    const course = await bench.upload({ archive })
    await bench.assertWhole(course, archive)
    assert.deepEqual(course.failures, [])
  })

  scenario('files of exact multiples of a chunk, one byte more and one byte less', async (bench) => {
    const provider = bench.client()
    for (const size of traits.edges.flatMap((edge) => [edge - 1, edge, edge + 1])) {
      const archive = await bench.archive(size)
      const course = await bench.upload({ archive, provider, names: [`${size}.dump`] })
      await bench.assertWhole(course, archive)
      assert.deepEqual(course.failures, [])
    }
    assert.equal(bench.figures().arrived, bench.figures().size)
  })

  scenario('names with spaces, Unicode, emoji and quotes, of up to 200 characters', async (bench) => {
    const provider = bench.client()
    const archive = await bench.newArchive(100)
    const stored = new Set<string>()
    for (const name of NAMES) {
      const wanted = provider.remoteName(name)
      if (traits.encodes?.test(name) !== true) assert.equal(wanted, name)
      const course = await bench.upload({ archive, provider, names: [name] })
      assert.equal(course.result.file.name, wanted)
      await bench.assertWhole(course, archive)
      stored.add(wanted)
    }
    assert.equal(stored.size, NAMES.length)
    const folder = await provider.ensureFolder(bench.folder, new AbortController().signal)
    const listed: string[] = []
    for await (const page of provider.listFiles(folder, new AbortController().signal)) {
      listed.push(...page.map((file) => file.name))
    }
    assert.deepEqual(new Set(listed), stored)
  })

  scenario('folders with spaces, Unicode, emoji and quotes', async (bench) => {
    const archive = await bench.newArchive(100)
    const folder = `${bench.folder}/Kunde Müller & Söhne's "Test" 🐘/100% 日本`
    const course = await bench.upload({ archive, folder })
    const provider = bench.client()
    const found = await provider.findFolder(folder, new AbortController().signal)
    assert.ok(found)
    const [file] = await provider.findFiles(found, archive.name, new AbortController().signal)
    assert.equal(file?.id, course.result.file.id)
  })

  scenario('a file of equal content that is there already counts, and nothing is sent', async (bench) => {
    for (const way of traits.ways) {
      const archive = await bench.archive(way.size)
      const first = await bench.upload({ archive, names: [`${way.name}.dump`] })
      const { arrived } = bench.figures()
      const second = await bench.upload({ archive, names: [`${way.name}.dump`] })
      assert.equal(second.result.already_present, true)
      assert.equal(second.result.file.id, first.result.file.id)
      assert.deepEqual(
        second.notes.map((note) => note.event),
        ['already_present'],
      )
      assert.equal(bench.figures().arrived, arrived)
      await bench.assertWhole(second, archive)
    }
  })

  scenario('other content under the name is left alone, and the replacement name is taken', async (bench) => {
    for (const way of traits.ways) {
      const archive = await bench.archive(way.size)
      const [name, other] = [`${way.name}.dump`, `${way.name}_run1.dump`]
      const standing = bench.cloud.putFile(`${bench.folder}/${name}`, randomBytesOf(way.size, 999))
      const course = await bench.upload({ archive, names: [name, other] })
      assert.equal(course.result.file.name, other)
      assert.deepEqual(course.notes, [{ event: 'name_conflict_renamed', wanted: name, name: other }])
      await bench.assertWhole(course, archive)
      const untouched = bench.cloud
        .files(bench.folder)
        .find((file) => file.path === `${bench.folder}/${name}`)
      assert.deepEqual(untouched?.hashes, standing.hashes)
    }
  })

  scenario(
    'where name and replacement name are taken by other content, it stops and says so',
    async (bench) => {
      const archive = await bench.archive(traits.largeWay.size)
      for (const name of ['a.dump', 'b.dump'])
        bench.cloud.putFile(`${bench.folder}/${name}`, Buffer.from(name))
      await assert.rejects(bench.upload({ archive, names: ['a.dump', 'b.dump'] }), { code: 'name_conflict' })
      assert.equal(bench.figures().arrived, 0)
    },
  )

  scenario('other content that takes the name during the upload is left alone too', async (bench) => {
    for (const way of traits.ways) {
      const archive = await bench.archive(way.size)
      const [name, other] = [`${way.name}.dump`, `${way.name}_run1.dump`]
      let isTaken = false
      const course = await bench.upload({
        archive,
        names: [name, other],
        onSent: () => {
          if (!isTaken) bench.cloud.putFile(`${bench.folder}/${name}`, Buffer.from('somebody else'))
          isTaken = true
        },
      })
      const standing = bench.cloud.files(bench.folder).filter((file) => file.path.includes(`/${way.name}`))
      assert.equal(standing.length, 2, 'both files are there')
      const { size } = standing.find((file) => file.id === course.result.file.id) ?? {}
      assert.equal(size, archive.size)
    }
  })

  scenario('an upload whose process is killed goes on from where the provider stands', async (bench) => {
    const archive = await bench.archive(traits.stallSize)
    const store = createMemoryStore()
    const killed = new AbortController()
    const reason = new Error('killed')
    const dying = bench.upload({
      archive,
      store,
      signal: killed.signal,
      onSent: (sum) => {
        if (sum > archive.size * 0.9) killed.abort(reason)
      },
    })
    await assert.rejects(dying, reason)
    const before = bench.figures()
    const course = await bench.upload({ archive, store })
    assert.equal(store.restarts, 0)
    const resumed = course.notes.find((note) => note.event === 'upload_resumed')
    assert.ok(resumed !== undefined && resumed.offset > 0)
    assert.ok(bench.figures().arrived - before.arrived < archive.size, 'what was kept is not sent again')
    await bench.assertWhole(course, archive)
  })

  scenario('an upload whose saved session was lost leaves one file all the same', async (bench) => {
    for (const way of traits.ways) {
      const archive = await bench.archive(way.size)
      const names = [`${way.name}.dump`, `${way.name}_run1.dump`]
      const first = await bench.upload({ archive, names })
      const again = await bench.upload({ archive, names, store: createMemoryStore() })
      assert.equal(again.result.file.id, first.result.file.id)
      await bench.assertWhole(again, archive)
    }
  })

  scenario('an upload that was whole when its process was killed is not sent again', async (bench) => {
    for (const way of traits.ways) {
      const archive = await bench.archive(way.size)
      const names = [`${way.name}.dump`, `${way.name}_run1.dump`]
      const store = createMemoryStore()
      await bench.upload({ archive, names, store })
      const { arrived } = bench.figures()
      const again = await bench.upload({ archive, names, store })
      assert.equal(bench.figures().arrived, arrived)
      await bench.assertWhole(again, archive)
    }
  })
}

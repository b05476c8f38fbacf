import t from 'tap'
import {
  CATALOGUE,
  FAMILY_NAMES,
  familyOf,
  isFamilyName,
  isLabelValue,
  isObservedName,
  LABEL_VALUES,
  labelSetsAtZero,
} from '../../protocol/catalogue.ts'

t.test('the eleven families follow the naming rules of Prometheus', t => {
  t.equal(FAMILY_NAMES.length, 11)
  for (const name of FAMILY_NAMES) {
    const { type, help, buckets } = familyOf(name)
    t.match(name, /^dragonfork_webrtc_[a-z_]+$/)
    t.equal(name.endsWith('_total'), type === 'counter', name)
    t.equal(name.endsWith('_seconds'), type === 'histogram', name)
    t.equal(buckets !== undefined, type === 'histogram', name)
    t.match(help, /^[A-Z].*\.$/)
  }
  t.end()
})

t.test(
  'isFamilyName() and isObservedName() accept only names of the table',
  t => {
    for (const name of ['up', '', 'toString', '__proto__', 'constructor']) {
      t.notOk(isFamilyName(name))
      t.notOk(isObservedName(name))
    }
    t.ok(isFamilyName('dragonfork_webrtc_active_peers'))
    t.notOk(isObservedName('dragonfork_webrtc_active_peers'))
    t.ok(isObservedName('dragonfork_webrtc_ice_failures_total'))
    t.end()
  },
)

t.test('only families with known label values start at zero', t => {
  for (const name of FAMILY_NAMES) {
    const { startsAtZero, labels } = familyOf(name)
    const sets = labelSetsAtZero(name, 'cam')
    t.equal(sets.length > 0, startsAtZero, name)
    for (const set of sets) {
      t.equal(set.length, labels.length)
      t.equal(set[labels.indexOf('stream_id')], 'cam')
    }
  }
  t.end()
})

t.test('labelSetsAtZero() returns every combination in label order', t => {
  t.same(labelSetsAtZero('dragonfork_webrtc_cap_rejections_total', 'cam'), [
    ['cam', 'global'],
    ['cam', 'stream'],
  ])
  const routes = LABEL_VALUES.route.map(route => [route, 'cam'])
  t.same(
    labelSetsAtZero('dragonfork_webrtc_whep_request_duration_seconds', 'cam'),
    routes,
  )
  t.end()
})

t.test('isLabelValue() accepts only the values of a closed label', t => {
  t.ok(isLabelValue('leg', 'video'))
  t.notOk(isLabelValue('leg', 'Video'))
  t.notOk(isLabelValue('route', '/api/v3/whep/cam'))
  for (const code of ['200', '404', '599']) t.ok(isLabelValue('code', code))
  for (const code of ['0', '600', '2000', 'abc', '20x', ' 200', '200\n']) {
    t.notOk(isLabelValue('code', code), JSON.stringify(code))
  }
  t.end()
})

t.test('the duration buckets have not changed', t => {
  t.same(
    CATALOGUE.dragonfork_webrtc_whep_request_duration_seconds.buckets,
    [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  )
  t.end()
})

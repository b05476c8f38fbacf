/** What cannot be read as SDP. The message names lines, never quotes them. */
export class SdpError extends Error {
  override readonly name = 'SdpError'
}

/** One `a=` line, split at its first colon; a flag has an empty value. */
export interface Attribute {
  readonly name: string
  readonly value: string
}

/** One media section: the text after `m=`, and its attributes in order. */
export interface SdpSection {
  readonly media: string
  readonly attributes: readonly Attribute[]
}

export interface SdpText {
  /** Whether it begins with `v=0`, as a session does and a fragment need not. */
  readonly versioned: boolean
  readonly attributes: readonly Attribute[]
  readonly sections: readonly SdpSection[]
}

const LINE = /^([a-z])=(.*)$/
// Anything echoed into an answer must not bring its own line ends.
const CONTROL = /[^\t\P{Cc}]/u

/**
 * Splits SDP (RFC 8866) or a trickle ICE fragment (RFC 8840) into session and
 * media sections. Line ends may be CRLF, LF or CR.
 * @throws {SdpError} at the first line that is not `x=...`
 */
export function readSdpText(text: string): SdpText {
  const attributes: Attribute[] = []
  const sections: { media: string; attributes: Attribute[] }[] = []
  let current = attributes
  let versioned = false
  let number = 0
  for (const line of text.split(/\r\n|\n|\r/)) {
    number++
    if (line === '') continue
    const [, type, value = ''] = LINE.exec(line) ?? []
    if (type === undefined || CONTROL.test(line)) {
      throw new SdpError(`Cannot read SDP: line ${number} is not "x=..."`)
    }
    if (type === 'v' && number === 1) versioned = value === '0'
    if (type === 'm') {
      current = []
      sections.push({ media: value, attributes: current })
    }
    if (type === 'a') current.push(readAttribute(value))
  }
  return { versioned, attributes, sections }
}

function readAttribute(text: string): Attribute {
  const colon = text.indexOf(':')
  return colon < 0
    ? { name: text.trim(), value: '' }
    : { name: text.slice(0, colon), value: text.slice(colon + 1).trim() }
}

/** The value of the first `a=name:`, or undefined. */
export function attributeOf(
  attributes: readonly Attribute[],
  name: string,
): string | undefined {
  return attributes.find(attribute => attribute.name === name)?.value
}

/** The values of all `a=name:` lines, in order. */
export function attributesOf(
  attributes: readonly Attribute[],
  name: string,
): readonly string[] {
  return attributes
    .filter(attribute => attribute.name === name)
    .map(attribute => attribute.value)
}

/** Whether there is an `a=name` line. */
export function hasAttribute(
  attributes: readonly Attribute[],
  name: string,
): boolean {
  return attributes.some(attribute => attribute.name === name)
}

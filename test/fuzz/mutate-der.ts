import { pick, type Random } from './mutate.ts';

/** A DER element; what is constructed holds others. */
interface Element {
  tag: number;
  content: Uint8Array | Element[];
  /** How its length is to be written. */
  form: 'definite' | 'long' | 'indefinite';
}

/** What signatures and certificates are made of, and what they are not. */
const TAGS = [0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x24, 0x30, 0x31, 0x80, 0xa0, 0xa1, 0xa2, 0xa3];
const CONSTRUCTED = 0x20;

/** Changes one of the elements that stand side by side; `other` is one that may take its place. */
type Mutation = (siblings: Element[], at: number, other: Element, random: Random) => void;

const MUTATIONS: Mutation[] = [
  (siblings, at) => siblings.splice(at, 1),
  (siblings, at) => siblings.splice(at, 0, structuredClone(siblings[at] as Element)),
  (siblings, at, other, random) => siblings.splice(at, random(2), structuredClone(other)),
  (siblings, at, other) => siblings.splice(at + 1, 0, structuredClone(other)),
  (siblings, at, other, random) =>
    siblings.splice(at + 1, 0, { ...structuredClone(other), tag: pick(TAGS, random) }),
  (siblings, at) => siblings.splice(at, 1, element(0xa0, [siblings[at] as Element])),
  (siblings, at) => siblings.splice(at + 1, 0, element(0x05, new Uint8Array())),
  (siblings, at, _, random) => Object.assign(siblings[at] as Element, { tag: pick(TAGS, random) }),
  (siblings, at, _, random) =>
    Object.assign(siblings[at] as Element, { form: pick(['long', 'indefinite'], random) }),
  (siblings, at, _, random) => {
    const { content } = siblings[at] as Element;
    if (!Array.isArray(content) && content.length > 0) content[random(content.length)] = random(256);
  },
];

/**
 * A changed copy of a DER message, whose lengths are right again, so that a change deep within it is not refused on
 * the surface. What is no DER comes back as it is.
 */
export function mutateDer(input: Uint8Array, crossed: Uint8Array, random: Random): Buffer {
  const root = parse(input);
  const others = (parse(crossed) ?? []).flatMap(within);
  if (root === undefined || others.length === 0) return Buffer.from(input);
  for (let count = 1 + random(3); count > 0; count--) {
    const lists = [root, ...root.flatMap(within).map(({ content }) => content)].filter(isList);
    const siblings = pick(lists, random);
    if (siblings.length > 0)
      pick(MUTATIONS, random)(siblings, random(siblings.length), pick(others, random), random);
  }
  return Buffer.concat(root.map(write));
}

const element = (tag: number, content: Element['content']): Element => ({ tag, content, form: 'definite' });
const isList = (content: Element['content']) => Array.isArray(content);

/** An element and all that are in it. */
function within(outer: Element): Element[] {
  return isList(outer.content) ? [outer, ...outer.content.flatMap(within)] : [outer];
}

/** The elements that `bytes` are made of, whole; undefined when they are not. */
function parse(bytes: Uint8Array): Element[] | undefined {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag = 0, first = 0x80] = bytes.subarray(at, at + 2);
    const octets = first < 0x80 ? 0 : first - 0x80;
    if (first === 0x80 || octets > 3) return undefined;
    const from = at + 2 + octets;
    const length = bytes
      .subarray(at + 2, from)
      .reduce((sum, octet) => sum * 256 + octet, first < 0x80 ? first : 0);
    const content = bytes.slice(from, from + length);
    if (content.length !== length) return undefined;
    elements.push(element(tag, (tag & CONSTRUCTED) !== 0 ? (parse(content) ?? content) : content));
    at = from + length;
  }
  return elements;
}

function write({ tag, content, form }: Element): Buffer {
  const bytes = isList(content) ? Buffer.concat(content.map(write)) : Buffer.from(content);
  if (form === 'indefinite') return Buffer.concat([Buffer.from([tag, 0x80]), bytes, Buffer.alloc(2)]);
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(bytes.length);
  const fewest = bytes.length < 0x80 ? 0 : Math.ceil((32 - Math.clz32(bytes.length)) / 8);
  const count = form === 'long' ? fewest + 1 : fewest;
  const length =
    count === 0 ? Buffer.from([bytes.length]) : Buffer.from([0x80 + count, ...octets.subarray(-count)]);
  return Buffer.concat([Buffer.from([tag]), length, bytes]);
}

const { CLOCK_AHEAD_DAYS = '0', HURRY = '1' } = process.env;

/** Preloaded into the command: a clock that is ahead, and timers that go off sooner. */
const ahead = Number(CLOCK_AHEAD_DAYS) * 24 * 60 * 60 * 1000;
const RealDate = Date;
if (ahead !== 0) {
  globalThis.Date = class extends RealDate {
    constructor(...words) {
      super(...(words.length === 0 ? [RealDate.now() + ahead] : words));
    }
    static now() {
      return RealDate.now() + ahead;
    }
  };
}

const realSetTimeout = setTimeout;
if (HURRY !== '1') {
  globalThis.setTimeout = (act, delay = 0, ...words) => realSetTimeout(act, delay / Number(HURRY), ...words);
}

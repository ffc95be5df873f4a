// What a case asks of a page: EventSources and streams read by fetch, with every step kept in order.
//
// A step is {what, at, state} and, for an event, {type, data, lastEventId, origin} besides: `at` in milliseconds of
// the page's clock, `state` the readyState there was then. The cases judge; here nothing is judged.
"use strict";

globalThis.sseproof ??= {
  sources: {}, // by name: {source, steps}
  reads: {}, // by name: {chunks, status, state, error, abort}

  // Open an EventSource. Events with a type of their own are heard only by who listens for that type.
  open(name, url, withCredentials, types) {
    const source = new EventSource(url, { withCredentials });
    const steps = [];
    const step = (what, more = {}) =>
      steps.push({ what, at: performance.now(), state: source.readyState, ...more });
    const heard = ({ type, data, lastEventId, origin }) =>
      step("event", { type, data, lastEventId, origin });
    step("made");
    source.onopen = () => step("open");
    source.onerror = () => step("error");
    source.onmessage = heard;
    for (const type of types) source.addEventListener(type, heard);
    this.sources[name] = { source, steps };
  },

  close(name) {
    const { source, steps } = this.sources[name];
    source.close();
    steps.push({ what: "closed", at: performance.now(), state: source.readyState });
  },

  // End and forget all of them.
  end() {
    for (const { source } of Object.values(this.sources)) source.close();
    for (const { abort } of Object.values(this.reads)) abort.abort();
    this.sources = {};
    this.reads = {};
  },

  // Tell whether there are so many steps of these kinds, or never will be: who is closed takes no more.
  settled(name, whats, count) {
    const { source, steps } = this.sources[name];
    const found = steps.filter((step) => whats.includes(step.what)).length;
    return found >= count || source.readyState === EventSource.CLOSED;
  },

  // Read a stream by fetch, as one must when it is the answer to a POST; a chunk is its bytes as they came.
  async read(name, url, init) {
    const abort = new AbortController();
    const read = (this.reads[name] = { chunks: [], status: 0, state: "asked", error: "", abort });
    try {
      const response = await fetch(url, { ...init, signal: abort.signal });
      read.status = response.status;
      read.state = "reading";
      const reader = response.body.getReader();
      for (let part; !(part = await reader.read()).done; ) {
        read.chunks.push({ at: performance.now(), bytes: Array.from(part.value) });
      }
      read.state = "ended";
    } catch (error) {
      read.state = "failed";
      read.error = `${error.name}: ${error.message}`;
    }
  },
};

"use strict";
/* The session as the server tells it: the newest snapshots, and every event since. Shared by page and overlay. */

const RETRY_MS = 2000;
const QUIET_MS = 4000; // while music is heard, events come every half second
const QUIETEST_MS = 32000; // while nothing is heard, questions become rare
const ANSWER_MS = 4000;
const MOST_STRETCHES = 1200; // in a timeline; the server tells a longer one in steps

class Sessions {
  /* onChange is called whenever anything is new; source names the only one that is wanted, or is null. */
  constructor(onChange, source = null) {
    this.onChange = onChange;
    this.source = source;
    this.sources = new Map();
    this.words = { states: {}, labels: {}, gaps: {}, statuses: {} };
    this.isConnected = false;
    this.hasBeenConnected = false;
    this.waiting = null; // events that came while the snapshots were fetched
    this.id = ["", 0];
    this.question = 0; // the timer after which to ask whether all has been told
    this.connect();
  }

  connect() {
    const query = this.source === null ? "" : `?source=${encodeURIComponent(this.source)}`;
    this.stream = new EventSource(`events${query}`);
    this.stream.onopen = () => this.refresh();
    this.stream.onmessage = (message) => this.receive(message);
    this.stream.onerror = () => {
      clearTimeout(this.question);
      this.isConnected = false;
      this.onChange();
      if (this.stream.readyState === EventSource.CLOSED) setTimeout(() => this.connect(), RETRY_MS);
    };
  }

  connectAgain() {
    clearTimeout(this.question);
    this.stream.close();
    this.isConnected = false;
    setTimeout(() => this.connect(), RETRY_MS);
  }

  /* A connection can die without a word, as when a phone leaves the network: after silence, ask. */
  askLater(wait = QUIET_MS) {
    clearTimeout(this.question);
    this.question = setTimeout(() => this.ask(Math.min(2 * wait, QUIETEST_MS)), wait);
  }

  async ask(nextWait) {
    const stream = this.stream;
    const state = await newestState().catch(() => null);
    if (stream !== this.stream || !this.isConnected) return; // it has been noticed meanwhile
    if (state !== null && state.sources.every((source) => this.knows(source))) this.askLater(nextWait);
    else this.connectAgain();
    this.onChange();
  }

  knows(told) {
    if (this.source !== null && this.source !== told.name) return true;
    const own = this.sources.get(told.name);
    if (own?.condition === "opening" && told.condition === "listening") own.condition = told.condition; // no event tells it
    return own !== undefined && own.windows === told.windows && own.condition === told.condition;
  }

  async refresh() {
    this.waiting ??= [];
    try {
      const state = await newestState();
      this.id = parseId(state.id);
      this.words = state.words;
      this.sources = new Map(state.sources.map((source) => [source.name, withCounts(source)]));
      this.isConnected = this.hasBeenConnected = true;
      this.askLater();
    } catch {
      this.connectAgain();
    }
    const waiting = this.waiting;
    this.waiting = null;
    for (const message of waiting ?? []) this.receive(message); // none where another answer came first
    this.onChange();
  }

  receive(message) {
    if (this.waiting !== null) {
      this.waiting.push(message);
      return;
    }
    const [run, number] = parseId(message.lastEventId);
    if (run === this.id[0] && number <= this.id[1]) return; // the snapshots hold it
    this.id = [run, number];
    this.askLater();
    const event = JSON.parse(message.data);
    if (event.event === "start") {
      this.refresh();
      return;
    }
    const source = event.source === undefined ? this.sources.values().next().value : this.sources.get(event.source);
    if (source !== undefined) take(source, event);
    if (source?.timeline.length > MOST_STRETCHES) this.refresh();
    this.onChange();
  }
}

async function newestState() {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), ANSWER_MS);
  try {
    const response = await fetch("state", { cache: "no-store", signal: controller.signal });
    if (!response.ok) throw new Error(response.statusText);
    return await response.json();
  } finally {
    clearTimeout(timer);
  }
}

function parseId(id) {
  const dash = id.lastIndexOf("-");
  return [id.slice(0, dash), Number(id.slice(dash + 1))];
}

function withCounts(source) {
  source.counts = {};
  for (const [genre, share] of Object.entries(source.share)) source.counts[genre] = share * source.windows;
  return source;
}

function take(source, event) {
  if (event.title !== undefined) source.title = event.title;
  switch (event.event) {
    case "window":
      if (source.condition === "opening") source.condition = "listening";
      source.vote = event.vote;
      source.level_dbfs = event.level_dbfs;
      source.windows += 1;
      if (event.vote.genre !== null) source.counts[event.vote.genre] = (source.counts[event.vote.genre] ?? 0) + 1;
      source.time_s = Math.max(source.time_s, event.time_s);
      extend(source.timeline, event.time_s - source.reach_s, "waiting", null);
      extend(source.timeline, event.time_s, event.vote.state, event.vote.genre);
      break;
    case "gap":
      source.lost_s += event.lost_s;
      source.last_gap = event;
      source.time_s = Math.max(source.time_s, event.time_s);
      extend(source.timeline, event.time_s - event.lost_s, "waiting", null);
      extend(source.timeline, event.time_s, "gap", null);
      break;
    case "source":
      source.condition = event.status === "back" ? "listening" : event.status;
      break;
    case "summary":
      source.condition = "ended";
      source.time_s = event.duration_s;
      break;
  }
}

function extend(timeline, until, state, genre) {
  const last = timeline.at(-1);
  const since = last === undefined ? 0 : last[1];
  if (until <= since) return;
  if (last !== undefined && last[2] === state && last[3] === genre) last[1] = until;
  else timeline.push([since, until, state, genre]);
}

/* Words */

function labelName(sessions, label) {
  return sessions.words.labels[label] ?? label.replaceAll("_", " ");
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function likeliest(source) {
  const share = (genre) => source.vote.distribution[genre] ?? 0;
  return [...source.genres].sort((one, other) => share(other) - share(one));
}

/* What to say of a source: a word to be read from afar, how sure it is, and a line below. */
function headline(sessions, source) {
  const vote = source.vote;
  if (source.condition === "lost") {
    const more = source.kind === "microphone" ? "Check its cable; listening goes on by itself." : "Waiting for it.";
    return { word: "no source", sure: "", more, tone: "alarm" };
  }
  if (source.condition === "muted") {
    return { word: "muted", sure: "", more: "Paused, or nothing but digital silence.", tone: "warning" };
  }
  const [first, second] = likeliest(source);
  const about = (genre) => `${labelName(sessions, genre)} ${percent(vote.distribution[genre] ?? 0)}`;
  switch (vote.state) {
    case "genre": {
      const other = first === vote.genre ? second : first;
      const more = other === undefined ? "" : `runner-up ${about(other)}`;
      return { word: labelName(sessions, vote.genre), genre: vote.genre, sure: `${percent(vote.confidence)} sure`, more };
    }
    case "unsure":
      return { word: "unsure", sure: about(first), more: second === undefined ? "" : `or ${about(second)}` };
    case "other":
      return { word: "other music", sure: `${percent(vote.confidence)} sure`, more: "Music of none of its genres." };
    case "no_music":
      return { word: "no music", sure: `${percent(vote.confidence)} sure`, more: "Sound without music.", tone: "quiet" };
    case "silence":
      return { word: "silence", sure: "", more: "Nothing to hear.", tone: "quiet" };
    default:
      return { word: "listening…", sure: "", more: "The first verdict needs a few seconds of sound.", tone: "alive" };
  }
}

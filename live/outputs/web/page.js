"use strict";

const wanted = new URLSearchParams(location.search).get("source");
const main = document.getElementById("main");
const connection = document.getElementById("connection");
const CONDITIONS = {
  opening: ["○ opening", "quiet"],
  listening: ["● listening", "alive"],
  lost: ["■ source lost", "alarm"],
  muted: ["■ muted", "warning"],
  ended: ["○ ended", "quiet"],
};
const FLOOR_DBFS = -60;
const MOST_CHANGES = 8;
const MOST_BARS = 12;

let views = new Map();
let isDue = false;
const sessions = new Sessions(() => {
  nameTab(); // a hidden tab is not drawn, but its title is seen
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(draw);
});

function element(name, classes = "", ...children) {
  const made = document.createElement(name);
  made.className = classes;
  made.append(...children);
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setColor(node, source, genre) {
  if (node.dataset.genre === (genre ?? undefined) || (genre && !source.colors[genre])) return;
  if (!genre) {
    delete node.dataset.genre;
    return;
  }
  node.dataset.genre = genre;
  node.style.setProperty("--on-light", source.colors[genre].light);
  node.style.setProperty("--on-dark", source.colors[genre].dark);
  node.style.setProperty("--ink-light", ink(source.colors[genre].light));
  node.style.setProperty("--ink-dark", ink(source.colors[genre].dark));
}

/* Black or white, whichever is easier to read on a colour (WCAG 2). */
function ink(color) {
  const linear = (place) => {
    const value = parseInt(color.slice(place, place + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(1) + 0.7152 * linear(3) + 0.0722 * linear(5) > 0.179 ? "#000000" : "#ffffff";
}

/* --- parts: each makes its nodes once and draws into them */

class Said {
  constructor(isAnnounced) {
    this.name = element("b");
    this.condition = element("span");
    this.verdict = element("h1", "verdict");
    if (isAnnounced) this.verdict.setAttribute("aria-live", "polite"); // not of each card, where nobody knew whose it is
    this.sure = element("p", "sure");
    this.more = element("p", "more");
    this.title = element("p", "title");
    this.node = element("section", "said", element("p", "source", this.name, this.condition), this.verdict, this.sure, this.more, this.title);
  }

  draw(source) {
    const said = headline(sessions, source);
    const [words, tone] = sessions.isConnected ? CONDITIONS[source.condition] : ["■ not connected", "alarm"];
    setText(this.name, source.name);
    setText(this.condition, words);
    this.condition.className = tone;
    setText(this.verdict, said.word);
    const isFaded = !sessions.isConnected || source.condition === "ended";
    const size = said.word.length > 9 ? "long" : said.word.length < 6 ? "short" : "";
    this.verdict.className = `verdict ${said.tone ?? ""} ${size} ${isFaded ? "faded" : ""}`;
    setColor(this.verdict, source, said.genre);
    setText(this.sure, said.sure);
    setText(this.more, said.more);
    setText(this.title, source.title ?? "");
    this.title.hidden = !source.title;
  }
}

class Bars {
  constructor(source) {
    this.rows = source.genres.map((genre) => {
      const bar = element("i");
      const row = { genre, bar, mark: element("span", "mark"), number: element("span", "number") };
      const label = element("span", "label", labelName(sessions, genre));
      label.title = labelName(sessions, genre);
      row.node = element("li", "", row.mark, label, element("div", "track", bar), row.number);
      setColor(bar, source, genre);
      return row;
    });
    this.list = element("ul", "", ...this.rows.map((row) => row.node));
    this.list.setAttribute("aria-label", "How likely each genre is");
    this.level = new Level(true);
    this.node = element("section", "bars", this.list, this.level.node);
    this.kept = new Set();
  }

  /* Of many genres the most likely, chosen anew only when one of the first of them is missing: otherwise rows would
     come and go with each window. */
  choose(source) {
    const ranked = likeliest(source);
    if (ranked.slice(0, MOST_BARS / 2).every((genre) => this.kept.has(genre))) return;
    this.kept = new Set(ranked.slice(0, MOST_BARS));
  }

  draw(source) {
    const isStale = !["listening", "ended"].includes(source.condition) || !sessions.isConnected;
    this.node.classList.toggle("faded", isStale);
    this.choose(source);
    const might = source.vote.state === "unsure" ? likeliest(source).slice(0, 2) : [source.vote.genre];
    for (const row of this.rows) {
      const share = source.vote.state === "waiting" ? 0 : source.vote.distribution[row.genre] ?? 0;
      row.node.hidden = !this.kept.has(row.genre);
      const isChosen = !isStale && might.includes(row.genre);
      row.node.classList.toggle("chosen", isChosen);
      setText(row.mark, isChosen ? "▸" : "");
      row.bar.style.transform = `scaleX(${share.toFixed(4)})`;
      setText(row.number, percent(share));
    }
    this.level.draw(source);
  }
}

class Level {
  constructor(isNamed) {
    this.bar = element("i");
    this.number = element("span", "number");
    this.meter = element("div", "track", this.bar);
    this.meter.setAttribute("role", "meter");
    this.meter.setAttribute("aria-label", "Level");
    this.meter.setAttribute("aria-valuemin", FLOOR_DBFS);
    this.meter.setAttribute("aria-valuemax", 0);
    this.node = element("div", "level", ...(isNamed ? ["Level"] : []), this.meter, this.number);
  }

  draw(source) {
    const level = ["lost", "muted"].includes(source.condition) ? -120 : source.level_dbfs;
    const part = Math.min(1, Math.max(0, 1 - level / FLOOR_DBFS));
    this.bar.style.transform = `scaleX(${part.toFixed(4)})`;
    this.meter.setAttribute("aria-valuenow", Math.round(Math.max(FLOOR_DBFS, Math.min(0, level))));
    setText(this.number, level <= -120 ? "no sound" : `${Math.round(level)} dBFS`.replace("-", "−"));
  }
}

class Strip {
  constructor() {
    this.node = element("div", "strip");
    this.node.setAttribute("role", "img");
    this.pieces = [];
  }

  draw(source) {
    const begin = source.timeline.length ? source.timeline[0][0] : 0;
    const end = Math.max(source.length_s ?? 0, source.time_s, begin + 1);
    const stretches = source.timeline;
    while (this.pieces.length > stretches.length) this.pieces.pop().remove();
    while (this.pieces.length < stretches.length) {
      const piece = element("span", "", element("b"));
      this.node.append(piece);
      this.pieces.push(piece);
    }
    const width = this.node.clientWidth || 1;
    const size = 0.75 * parseFloat(getComputedStyle(this.node).fontSize); // of the letters, in px
    stretches.forEach(([since, until, state, genre], place) => {
      const piece = this.pieces[place];
      const part = (until - since) / (end - begin);
      piece.style.left = `${(100 * (since - begin)) / (end - begin)}%`;
      piece.style.width = `${100 * part}%`;
      if (piece.className !== state) piece.className = state;
      setColor(piece, source, genre);
      const word = genre === null ? "" : labelName(sessions, genre);
      setText(piece.firstChild, part * width > size * (1 + 0.67 * word.length) ? word : "");
    });
    this.node.setAttribute("aria-label", `What was heard from ${clock(begin)} to ${clock(end)}`);
    return [begin, end];
  }
}

class Time {
  constructor() {
    this.strip = new Strip();
    this.begin = element("span");
    this.end = element("span");
    this.changes = element("ol", "changes");
    this.changes.setAttribute("aria-label", "The latest changes");
    this.node = element("section", "time", this.strip.node, element("div", "scale", this.begin, this.end), this.changes);
    this.told = "";
  }

  draw(source) {
    const [begin, end] = this.strip.draw(source);
    setText(this.begin, clock(begin));
    setText(this.end, clock(end));
    const latest = source.timeline.filter((stretch) => stretch[2] !== "waiting").slice(-MOST_CHANGES);
    const told = latest.map((stretch) => `${stretch[0]} ${stretch[2]} ${stretch[3]}`).join();
    if (told === this.told) return;
    this.told = told;
    this.changes.replaceChildren(
      ...latest.reverse().map(([since, , state, genre]) => {
        const swatch = element("span", `swatch ${genre === null ? state : ""}`);
        setColor(swatch, source, genre);
        const word = genre === null ? sessions.words.states[state] ?? state : labelName(sessions, genre);
        return element("li", state === "gap" ? "alarm" : "", swatch, `${clock(since)} ${word}`);
      }),
    );
  }
}

class Facts {
  constructor() {
    this.time = element("span");
    this.shares = element("span");
    this.model = element("span");
    this.lost = element("span", "alarm");
    this.node = element("footer", "facts", this.time, this.shares, this.model, this.lost);
  }

  draw(source) {
    setText(this.time, `${clock(source.time_s)} of sound`);
    const shares = Object.entries(source.counts).sort((one, other) => other[1] - one[1]).slice(0, 3);
    setText(this.shares, shares.map(([genre, count]) => `${labelName(sessions, genre)} ${percent(count / source.windows)}`).join(" · "));
    setText(this.model, `model ${source.model}`);
    const lost = source.lost_s > 0 ? `${source.lost_s.toFixed(1)} s of sound lost` : "";
    const last = source.last_gap;
    const reason = last ? `, the last at ${clock(last.time_s)}: ${sessions.words.gaps[last.reason]}` : "";
    setText(this.lost, lost + (lost ? reason : ""));
  }
}

class Session {
  constructor(source) {
    this.parts = [new Said(true), new Bars(source), new Time(), new Facts()];
    this.node = element("div", "session", ...this.parts.map((part) => part.node));
  }

  draw(source) {
    for (const part of this.parts) part.draw(source);
  }
}

class Card {
  constructor(source) {
    this.said = new Said(false);
    this.level = new Level(false);
    this.strip = new Strip();
    this.node = element("a", "card", ...this.said.node.childNodes, this.level.node, this.strip.node);
    this.node.href = `?source=${encodeURIComponent(source.name)}`;
  }

  draw(source) {
    for (const part of [this.said, this.level, this.strip]) part.draw(source);
    this.node.classList.toggle("trouble", ["lost", "muted"].includes(source.condition) || !sessions.isConnected);
  }
}

/* --- the whole */

let drawn = "";

function shownSources() {
  const all = [...sessions.sources.values()];
  return wanted === null ? all : all.filter((source) => source.name === wanted);
}

function nameTab() {
  const shown = shownSources();
  const words = shown.length !== 1 ? [] : [sessions.isConnected ? headline(sessions, shown[0]).word : "not connected"];
  document.title = [...words, "genre-live"].join(" · ");
}

function draw() {
  isDue = false;
  const all = [...sessions.sources.values()];
  const shown = shownSources();
  const single = wanted !== null || all.length === 1;
  setText(connection, sessions.isConnected ? "" : sessions.hasBeenConnected ? "no connection to genre-live; trying again" : "connecting…");
  connection.className = sessions.isConnected ? "" : "alarm";
  document.getElementById("back").hidden = wanted === null || all.length < 2;
  const key = JSON.stringify([single, shown.map((source) => [source.name, source.genres])]);
  if (key !== drawn) {
    drawn = key;
    views = new Map(shown.map((source) => [source.name, single ? new Session(source) : new Card(source)]));
    const nodes = [...views.values()].map((view) => view.node);
    if (shown.length === 0) main.replaceChildren(element("p", "quiet", wanted === null ? "Nothing is listened to yet." : `There is no source ${wanted}.`));
    else if (single) main.replaceChildren(...nodes);
    else main.replaceChildren(element("div", shown.length <= 4 ? "cards few" : "cards", ...nodes));
  }
  for (const source of shown) views.get(source.name).draw(source);
}

addEventListener("resize", () => requestAnimationFrame(draw));

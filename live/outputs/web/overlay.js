"use strict";
/* Only the verdict, for a stream's picture. By query: source, size, align, valign, confidence=1, states=0, color=0. */

const query = new URLSearchParams(location.search);
const choose = (name, choices) => (choices.includes(query.get(name)) ? query.get(name) : choices[0]);
const size = /^\d+(\.\d+)?(px|vh|vw|em|rem)?$/.exec(query.get("size") ?? "");
const verdict = document.getElementById("verdict");
const word = document.getElementById("word");
const sure = document.getElementById("sure");

document.body.className = `${choose("align", ["left", "center", "right"])} ${choose("valign", ["middle", "top", "bottom"])}`;
if (size) document.body.style.setProperty("--size", size[2] ? size[0] : `${size[0]}px`);
verdict.className = "hidden";

const sessions = new Sessions(() => {
  const wanted = query.get("source");
  const source = wanted === null ? sessions.sources.values().next().value : sessions.sources.get(wanted);
  const isHeard = source !== undefined && sessions.isConnected && !["opening", "lost", "muted", "ended"].includes(source.condition);
  const said = isHeard ? headline(sessions, source) : null;
  const isShown = said !== null && source.vote.state !== "waiting" && (said.genre !== undefined || query.get("states") !== "0");
  verdict.className = isShown ? "" : "hidden";
  if (!isShown) return; // the words stay while they fade
  word.textContent = said.word;
  sure.textContent = query.get("confidence") === "1" && said.genre !== undefined ? percent(source.vote.confidence) : "";
  const color = said.genre !== undefined && query.get("color") !== "0" ? source.colors[said.genre].dark : "#ffffff";
  verdict.style.setProperty("--color", color);
  fit();
}, query.get("source"));

/* Makes words that are too long for the width smaller; their margins, 0.6 of their size, go with it. */
function fit() {
  verdict.style.fontSize = "";
  const width = verdict.offsetWidth + 0.6 * parseFloat(getComputedStyle(verdict).fontSize);
  const room = document.documentElement.clientWidth;
  if (width > room) verdict.style.fontSize = `${room / width}em`;
}

addEventListener("resize", fit);

"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const isDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isNarrow = window.matchMedia("(max-width: 40rem)");

  const clockFormat = (seconds) => (seconds >= 86400 ? "day %-j, %H:%M" : seconds >= 3600 ? "%-H:%M" : "%-M:%S");
  const hoverFormat = (seconds) => (seconds >= 86400 ? "day %-j, %H:%M:%S" : seconds >= 3600 ? "%-H:%M:%S" : "%-M:%S");

  // Stream time as a date, since only dates get clock-like ticks that follow the zoom. Counted from the
  // first day of some year: what is less than 10 000 would be taken for a year.
  const origin = Date.UTC(2001, 0, 1);
  const date = (seconds) => origin + 1000 * seconds;

  const draw = (chart) => {
    const theme = chart.themes[isDark.matches ? "dark" : "light"];
    const narrow = isNarrow.matches;
    const times = chart.times.map(date);
    const areas = chart.labels.map((label, index) => ({
      type: "scatter", mode: "lines", stackgroup: "distribution", name: label.name,
      x: times, y: chart.distribution[index],
      line: { width: 0.5, color: theme.background }, fillcolor: theme.colors[index],
      hovertemplate: "%{y:.0%}",
    }));
    const strips = chart.strip.map((part) => ({
      type: "bar", orientation: "h", yaxis: "y2", name: part.name, showlegend: false,
      base: part.starts.map(date), x: part.lengths.map((seconds) => 1000 * seconds),
      y: part.starts.map(() => ""), width: 1, offset: -0.5,
      marker: {
        color: part.color === null ? theme.states[part.state] : theme.colors[part.color],
        line: { width: 0 },
        pattern: { shape: part.pattern, fgcolor: part.state === "gap" ? theme.alarm : theme.faint, size: 6, solidity: 0.35 },
      },
      hoverinfo: "skip",
    }));
    const time = {
      type: "date", range: [date(chart.begin), date(chart.end)], tickformat: clockFormat(chart.end),
      hoverformat: hoverFormat(chart.end), nticks: narrow ? 5 : 12, fixedrange: narrow,
      gridcolor: "rgba(0,0,0,0)", zeroline: false, ticks: "outside", tickcolor: theme.track, anchor: "y2",
    };
    const layout = {
      barmode: "overlay", showlegend: false, hovermode: "x unified", dragmode: narrow ? false : "zoom",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "inherit", color: theme.quiet, size: 13 },
      margin: { l: 44, r: 8, t: 8, b: 32 },
      hoverlabel: { bgcolor: theme.background, bordercolor: theme.track, font: { color: theme.text, size: 12 } },
      xaxis: time,
      yaxis: {
        range: [0, 1], domain: [0.16, 1], fixedrange: true, tickformat: ".0%", nticks: 5,
        gridcolor: theme.track, zeroline: false,
      },
      yaxis2: { domain: [0, 0.11], fixedrange: true, showticklabels: false, zeroline: false, showgrid: false },
    };
    const config = { responsive: true, displayModeBar: false, locale: "en" };
    return Plotly.react(chart.id, [...areas, ...strips], layout, config);
  };
  const drawAll = () => Promise.all(charts.map(draw)).then(() => { document.documentElement.dataset.drawn = "yes"; });

  isDark.addEventListener("change", drawAll);
  isNarrow.addEventListener("change", drawAll);
  drawAll();
})();

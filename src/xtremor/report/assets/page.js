"use strict";
(() => {
  const data = JSON.parse(document.getElementById("chart-data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let shown = [];

  const draw = async () => {
    shown.forEach((result) => result.finalize());
    const mode = dark.matches ? "dark" : "light";
    // `ast` interprets expressions instead of compiling them, which the page's content policy forbids.
    const options = { actions: false, ast: true, renderer: "svg", config: data.themes[mode], tooltip: { theme: mode } };
    shown = await Promise.all(
      Object.entries(data.charts).map(([id, spec]) => vegaEmbed(document.getElementById(id), spec, options)),
    );
    document.documentElement.dataset.charts = String(shown.length);
  };

  const failed = (error) => {
    document.querySelectorAll(".chart").forEach((place) => {
      place.textContent = "This chart could not be drawn; its figures are in the tables.";
    });
    console.error(error);
  };

  const redraw = () => draw().catch(failed);
  dark.addEventListener("change", redraw);
  redraw();
})();

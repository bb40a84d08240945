/* One listener a component: it outlives every redraw. A plain click chooses; with a modifier the link opens as any other. */
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-accept], [data-reject]");
  if (button) {
    button.parentElement.querySelectorAll("button").forEach((each) => { each.disabled = true; });
    const verb = button.dataset.accept ? "accept" : "reject";
    trigger("click", { kind: verb, id: button.dataset[verb] });
    return;
  }
  const row = event.target.closest("a[data-run], a[data-test]");
  if (!row || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  const kind = row.dataset.run !== undefined ? "run" : "test";
  const address = new URL(window.location);
  address.searchParams.delete(kind === "run" ? "test" : "run");
  address.searchParams.set(kind, row.dataset[kind]);
  window.history.replaceState(null, "", address);
  trigger("click", { kind, id: row.dataset[kind] });
});

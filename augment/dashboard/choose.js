/* One listener a component: it outlives every redraw. A plain click chooses; with a modifier the link opens as any other. */
element.addEventListener("click", (event) => {
  const verbs = ["accept", "reject", "mute", "unmute", "bug", "intended", "noise", "reopen"];
  const button = event.target.closest(verbs.map((each) => "button[data-" + each + "]").join(", "));
  if (button) {
    button.parentElement.querySelectorAll("button").forEach((each) => { each.disabled = true; });
    const verb = verbs.find((each) => button.dataset[each]);
    trigger("click", { kind: verb, id: button.dataset[verb] });
    return;
  }
  const kinds = ["run", "test", "flaky"];
  const row = event.target.closest("a[data-run], a[data-test], a[data-flaky]");
  if (!row || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  const kind = kinds.find((each) => row.dataset[each] !== undefined);
  const address = new URL(window.location);
  kinds.forEach((each) => { address.searchParams.delete(each); });
  address.searchParams.set(kind, row.dataset[kind]);
  window.history.replaceState(null, "", address);
  trigger("click", { kind, id: row.dataset[kind] });
});

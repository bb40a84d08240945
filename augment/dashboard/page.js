/* Times are sent as numbers, so that a page that has not changed is not sent again; they are put into words here. */
(() => {
  const words = (seconds) => {
    if (seconds < 3) return "just now";
    if (seconds < 60) return `${Math.floor(seconds)} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} d ago`;
  };
  const tell = () => {
    for (const time of document.querySelectorAll("time[data-at]")) {
      const said = words(Date.now() / 1000 - Number(time.dataset.at));
      if (time.textContent !== said) time.textContent = said;
    }
  };
  new MutationObserver(tell).observe(document.documentElement, { childList: true, subtree: true });
  setInterval(tell, 1000);
})();

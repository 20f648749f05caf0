// Which page is shown, kept behind the # of the address so that the Rust side can open one.

export const PAGES = ["threads", "approvals", "skills", "connections", "activity", "settings", "start"] as const;
export type Page = (typeof PAGES)[number];

function read(hash: string): { page: Page; rest: string } {
  const [name = "", ...rest] = hash.replace(/^#?\/?/, "").split("/");
  const page = PAGES.find((one) => one === name) ?? "threads";
  let tail = rest.join("/");
  try {
    tail = decodeURIComponent(tail);
  } catch {
    // An address that is no text names nothing.
    tail = "";
  }
  return { page, rest: tail };
}

class Route {
  page = $state<Page>("threads");
  /** What of the page: the id of a thread. */
  rest = $state("");

  go(page: string, rest: string = ""): void {
    location.hash = `#/${page}${rest === "" ? "" : `/${encodeURIComponent(rest)}`}`;
    this.sync();
  }

  sync(): void {
    const { page, rest } = read(location.hash);
    this.page = page;
    this.rest = rest;
  }

  follow(): () => void {
    const heard = () => this.sync();
    heard();
    addEventListener("hashchange", heard);
    return () => removeEventListener("hashchange", heard);
  }
}

export const route = new Route();

// What this window remembers for the person: no state of the host, no secret.

const DONE = "drawbridge.first_run";
const SKILLS = "drawbridge.skills_seen";
const TRAY = "drawbridge.tray_told";

function has(key: string): boolean {
  try {
    return localStorage.getItem(key) !== null;
  } catch {
    return false;
  }
}
function put(key: string): void {
  try {
    localStorage.setItem(key, "1");
  } catch {
    // It is asked again next time.
  }
}

class FirstRunKept {
  done = $state(has(DONE));
  /** It is on display; a bus that is enrolled on the way does not end it. */
  begun = $state(false);
  trayTold = $state(has(TRAY));

  finish(): void {
    this.done = true;
    this.begun = false;
    put(DONE);
  }
  tellTray(): void {
    this.trayTold = true;
    put(TRAY);
  }
}

/** How many changes of skills the person has seen. Each host counts from its beginning. */
export const skillsSeen = {
  at(pid: number): number {
    try {
      const [of, changes] = (localStorage.getItem(SKILLS) ?? "").split(" ").map(Number);
      return of === pid && changes !== undefined && Number.isSafeInteger(changes) ? changes : 0;
    } catch {
      return 0;
    }
  },
  put(pid: number, changes: number): void {
    try {
      localStorage.setItem(SKILLS, `${pid} ${changes}`);
    } catch {
      // The same changes are marked once more.
    }
  },
};

export const firstRun = new FirstRunKept();

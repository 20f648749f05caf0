// What this window remembers for the person: no state of the host, no secret.

const DONE = "drawbridge.first_run";
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
  trayTold = $state(has(TRAY));

  finish(): void {
    this.done = true;
    put(DONE);
  }
  tellTray(): void {
    this.trayTold = true;
    put(TRAY);
  }
}

export const firstRun = new FirstRunKept();

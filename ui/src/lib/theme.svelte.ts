// Light, dark and high contrast: from the system, or as chosen.

export type Look = "system" | "light" | "dark";
export type Contrast = "system" | "normal" | "more";
const LOOK = "drawbridge.look";
const CONTRAST = "drawbridge.contrast";

function kept<T extends string>(key: string, allowed: readonly T[], otherwise: T): T {
  try {
    const value = localStorage.getItem(key);
    return allowed.find((one) => one === value) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Without storage the choice counts until the window closes.
  }
}

class Theme {
  look = $state<Look>(kept(LOOK, ["system", "light", "dark"], "system"));
  contrast = $state<Contrast>(kept(CONTRAST, ["system", "normal", "more"], "system"));

  set(look: Look): void {
    this.look = look;
    keep(LOOK, look);
    this.apply();
  }

  setContrast(contrast: Contrast): void {
    this.contrast = contrast;
    keep(CONTRAST, contrast);
    this.apply();
  }

  apply(): void {
    const asks = (query: string) => typeof matchMedia === "function" && matchMedia(query).matches;
    const dark = this.look === "system" ? asks("(prefers-color-scheme: dark)") : this.look === "dark";
    const more = this.contrast === "system" ? asks("(prefers-contrast: more)") : this.contrast === "more";
    document.documentElement.dataset["look"] = dark ? "dark" : "light";
    document.documentElement.dataset["contrast"] = more ? "more" : "normal";
  }

  /** Follows the system and the other window. */
  follow(): void {
    this.apply();
    for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) {
      matchMedia(query).addEventListener("change", () => this.apply());
    }
    addEventListener("storage", () => {
      this.look = kept(LOOK, ["system", "light", "dark"], "system");
      this.contrast = kept(CONTRAST, ["system", "normal", "more"], "system");
      this.apply();
    });
  }
}

export const theme = new Theme();

/**
 * Colours of the plots. Each is a stand-in: the plots are rendered once, and the page's style sheet gives every stand-in
 * the colour of the light or the dark theme.
 */
export const STAND_IN = {
  ink: '#010101',
  muted: '#020202',
  grid: '#030303',
  surface: '#040404',
  accent: '#050505',
  accentSoft: '#060606',
  contrast: '#070707',
  band: '#080808',
  weights: '#0a0101',
  gradients: '#0a0202',
  optimizer: '#0a0303',
  activations: '#0a0404',
  workspace: '#0a0505',
} as const;
export type ColorName = keyof typeof STAND_IN;

const LIGHT: Readonly<Record<ColorName, string>> = {
  ink: '#1c2430',
  muted: '#5b6675',
  grid: '#e3e7ec',
  surface: '#ffffff',
  accent: '#0b6bcb',
  accentSoft: '#a9cdf2',
  contrast: '#c2500a',
  band: '#f1f4f8',
  weights: '#1d4e89',
  gradients: '#00798c',
  optimizer: '#e07a1f',
  activations: '#7a9e3b',
  workspace: '#a5afbd',
};

const DARK: Readonly<Record<ColorName, string>> = {
  ink: '#e6eaf0',
  muted: '#9aa6b5',
  grid: '#303a47',
  surface: '#171d26',
  accent: '#5aa9f8',
  accentSoft: '#2b4d73',
  contrast: '#f0934e',
  band: '#1f2732',
  weights: '#5b8fd0',
  gradients: '#2bb3c5',
  optimizer: '#ee9a4d',
  activations: '#9fc35c',
  workspace: '#748194',
};

/** CSS variables of both themes, and the rules that give the plots' stand-ins their colours. */
export function paletteCss(): string {
  const names = Object.keys(STAND_IN) as ColorName[];
  const variables = (theme: Readonly<Record<ColorName, string>>): string =>
    names.map((name) => `--${name}:${theme[name]}`).join(';');
  const rules = names.map(
    (name) =>
      `.plot [fill="${STAND_IN[name]}"]{fill:var(--${name})}.plot [stroke="${STAND_IN[name]}"]{stroke:var(--${name})}`,
  );
  return [
    `:root{color-scheme:light;${variables(LIGHT)}}`,
    `@media (prefers-color-scheme:dark){:root{color-scheme:dark;${variables(DARK)}}}`,
    // Paper is light whatever the screen is.
    `@media print{:root{color-scheme:light;${variables(LIGHT)}}}`,
    ...rules,
  ].join('\n');
}

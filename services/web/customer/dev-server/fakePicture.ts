import type { Product } from "../src/catalogue/product.ts";

const PALETTES = [
  ["#f2c14e", "#f78154", "#5fad56"],
  ["#9ad1d4", "#007ea7", "#003249"],
  ["#f4acb7", "#9d8189", "#ffe5d9"],
  ["#b8c480", "#d4e79e", "#4b5842"],
  ["#c8b6ff", "#7b5ea7", "#ffd6ff"],
] as const;

/** A FAKE product picture: coloured shapes that differ from product to product. */
export function drawFakePicture(product: Product): string {
  const seed = Array.from(product.sku).reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 7);
  const [ground, body, light] = PALETTES[seed % PALETTES.length] ?? PALETTES[0];
  const width = 220 + (seed % 7) * 40;
  const height = 260 + (seed % 5) * 50;
  const round = 20 + (seed % 6) * 30;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 800">
    <rect width="800" height="800" fill="${ground}"/>
    <ellipse cx="400" cy="650" rx="${width * 0.7}" ry="28" opacity=".18"/>
    <rect x="${400 - width / 2}" y="${645 - height}" width="${width}" height="${height}" rx="${round}" fill="${body}"/>
    <circle cx="${400 + width / 4}" cy="${645 - height / 2}" r="${40 + (seed % 4) * 14}" fill="${light}"/>
  </svg>`;
}

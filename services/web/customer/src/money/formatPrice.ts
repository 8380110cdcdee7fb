import type { Money } from "../catalogue/product";

/**
 * A price as customers read it, in the notation of `locale` (the browser's by default).
 *
 * The number of minor units in a major one depends on the currency (ISO 4217: 100 for EUR,
 * 1 for JPY, 1000 for KWD); `Intl` knows it.
 */
export function formatPrice({ amount, currency }: Money, locale?: string): string {
  const format = new Intl.NumberFormat(locale, { style: "currency", currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** digits);
}

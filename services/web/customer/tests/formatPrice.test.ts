import { describe, expect, test } from "vitest";

import { formatPrice } from "../src/money/formatPrice";

/** Intl separates with no-break spaces; which one depends on its version. */
const plain = (text: string) => text.replace(/\s/g, " ");

describe("formatPrice", () => {
  test.each([
    [{ amount: 1_990, currency: "EUR" }, "en-IE", "€19.90"],
    [{ amount: 123_456_789, currency: "EUR" }, "de-DE", "1.234.567,89 €"],
    [{ amount: 5, currency: "EUR" }, "en-IE", "€0.05"],
    [{ amount: 0, currency: "EUR" }, "en-IE", "€0.00"],
    [{ amount: 1_990, currency: "JPY" }, "en-US", "¥1,990"],
    [{ amount: 1_990, currency: "KWD" }, "en-US", "KWD 1.990"],
  ])("%o in %s reads %s", (price, locale, expected) => {
    expect(plain(formatPrice(price, locale))).toBe(expected);
  });
});

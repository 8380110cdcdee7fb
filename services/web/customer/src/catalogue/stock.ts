/** From this many on, customers need not hurry. */
const PLENTY = 6;

export type StockLevel = "plenty" | "few" | "none";

/** How well a product is in stock, and the words for it. */
export function describeStock(stock: number): { level: StockLevel; text: string } {
  if (stock <= 0) {
    return { level: "none", text: "Sold out" };
  }
  if (stock < PLENTY) {
    return { level: "few", text: `Only ${stock} left` };
  }
  return { level: "plenty", text: "In stock" };
}

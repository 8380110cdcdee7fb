/** An amount in the minor unit of its currency (cents for EUR). */
export interface Money {
  amount: number;
  currency: string;
}

/** A product as the product service describes it. */
export interface Product {
  id: string;
  sku: string;
  name: string;
  description: string;
  /** The slug of its category. */
  category: string;
  price: Money;
  stock: number;
  pictureUrl: string;
  version: number;
  createdAt: string;
  updatedAt: string;
}

/** A category and how many products it has. */
export interface Category {
  slug: string;
  name: string;
  count: number;
}

/** One page of a listing; `nextCursor` is null on the last one. */
export interface ProductPage {
  items: Product[];
  nextCursor: string | null;
}

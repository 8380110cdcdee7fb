import { describe, expect, test } from "vitest";

import { addressOfListing, listingFromAddress, type Listing } from "../src/catalogue/listing";

describe("the address of a listing", () => {
  test.each<[Listing, string]>([
    [{ category: null, query: "", sort: "newest" }, "/"],
    [{ category: "home-living", query: "", sort: "newest" }, "/category/home-living"],
    [{ category: null, query: "tea & mug", sort: "price_asc" }, "/?q=tea+%26+mug&sort=price_asc"],
  ])("%o is %s, and stands for it", (listing, address) => {
    expect(addressOfListing(listing)).toBe(address);

    const url = new URL(address, "http://shop.test");
    const category = /^\/category\/(.+)$/.exec(url.pathname)?.[1];
    expect(listingFromAddress(category, url.searchParams)).toEqual(listing);
  });

  test("with an order that does not exist stands for the usual order", () => {
    expect(listingFromAddress(undefined, new URLSearchParams("sort=toString")).sort).toBe("newest");
  });
});

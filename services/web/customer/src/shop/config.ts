import { useQuery } from "@tanstack/react-query";

import { getJson, isTransient } from "../http/getJson";

/** What the people who run the shop can choose; served as /config.json beside the pages. */
export interface ShopConfig {
  shopName: string;
}

export const DEFAULT_CONFIG: ShopConfig = { shopName: "Storefront" };

/**
 * The configuration of this shop: defaults where the file is absent, broken or says nothing.
 *
 * Throws what `getJson` throws when a later attempt may well find the file.
 */
export async function fetchShopConfig(signal?: AbortSignal): Promise<ShopConfig> {
  try {
    const body = await getJson("/config.json", signal);
    return { ...DEFAULT_CONFIG, ...readShopName(body) };
  } catch (error) {
    if (isTransient(error)) {
      throw error;
    }
    return DEFAULT_CONFIG;
  }
}

/** The configuration, or undefined for the instant until it is known. */
export function useShopConfig(): ShopConfig | undefined {
  const { data, isError } = useQuery({
    queryKey: ["config"],
    queryFn: ({ signal }) => fetchShopConfig(signal),
    staleTime: Infinity,
  });
  return isError ? DEFAULT_CONFIG : data;
}

function readShopName(body: unknown): Partial<ShopConfig> {
  if (typeof body !== "object" || body === null || !("shopName" in body)) {
    return {};
  }
  const name = typeof body.shopName === "string" ? body.shopName.trim() : "";
  return name === "" ? {} : { shopName: name };
}

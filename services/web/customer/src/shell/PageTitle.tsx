import { useShopConfig } from "../shop/config";

/** The title of the browser's tab: the page's own (null: none), then the shop's name. */
export function PageTitle({ page }: { page: string | null }) {
  const config = useShopConfig();
  if (config === undefined) {
    return null;
  }
  return <title>{page === null ? config.shopName : `${page} – ${config.shopName}`}</title>;
}

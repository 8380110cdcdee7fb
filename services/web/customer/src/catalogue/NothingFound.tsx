import { Link } from "react-router";

import { Message } from "../shell/Message";
import { categoryName } from "./categoryName";
import { addressOfListing, DEFAULT_SORT, type Listing } from "./listing";
import type { Category } from "./product";
import { ProductRow } from "./ProductRow";
import { useNewest } from "./queries";

interface Props {
  listing: Listing;
  categories: Category[] | undefined;
}

/** One row of the grid on a wide screen. */
const COUNT = 4;

/** For a listing without products: why that may be, and where to go from here. */
export function NothingFound({ listing, categories }: Props) {
  const newest = useNewest(null, COUNT) ?? [];
  return (
    <>
      <Explanation listing={listing} categories={categories} />
      {newest.length > 0 && <ProductRow title="New in the shop" products={newest} />}
    </>
  );
}

function Explanation({ listing: { category, query }, categories }: Props) {
  const toAll = (
    <Link to="/" className="button">
      Show all products
    </Link>
  );
  if (query === "" && category === null) {
    return (
      <Message level={2} title="The shelves are still empty">
        <p>New products appear on this page as soon as they arrive.</p>
      </Message>
    );
  }
  if (category === null) {
    return (
      <Message title={`Nothing found for “${query}”`} action={toAll}>
        <p>Try another spelling, fewer words, or something more general.</p>
      </Message>
    );
  }
  const name = categoryName(category, categories);
  if (query === "") {
    return (
      <Message title={`Nothing in ${name} yet`} action={toAll}>
        <p>This shelf is empty at the moment. The others are worth a look.</p>
      </Message>
    );
  }
  const everywhere = addressOfListing({ category: null, query, sort: DEFAULT_SORT });
  return (
    <Message
      title={`Nothing in ${name} for “${query}”`}
      action={
        <Link to={everywhere} className="button">
          Search all categories
        </Link>
      }
    >
      <p>Another category may have what you are looking for.</p>
    </Message>
  );
}

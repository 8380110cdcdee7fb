import { Link, useParams } from "react-router";

import { StaleNotice } from "../availability/StaleNotice";
import { Unavailable } from "../availability/Unavailable";
import { isTransient } from "../http/getJson";
import { formatPrice } from "../money/formatPrice";
import { Message } from "../shell/Message";
import { PageTitle } from "../shell/PageTitle";
import { categoryName } from "./categoryName";
import { addressOfListing, DEFAULT_SORT } from "./listing";
import type { Product } from "./product";
import styles from "./ProductPage.module.css";
import { ProductPicture } from "./ProductPicture";
import { useCategories, useProduct } from "./queries";
import { RelatedProducts } from "./RelatedProducts";
import { describeStock } from "./stock";

/** One product with everything there is to know about it. */
export function ProductPage() {
  const { id = "" } = useParams();
  const { data: product, isError, error, isFetching, refetch } = useProduct(id);

  if (product !== undefined) {
    return (
      <>
        <PageTitle page={product.name} />
        {isError && <StaleNotice />}
        <Details key={product.id} product={product} />
        <RelatedProducts product={product} />
      </>
    );
  }
  if (!isError) {
    return <DetailsSkeleton />;
  }
  if (isTransient(error)) {
    return (
      <>
        <PageTitle page={null} />
        <Unavailable trying={isFetching} onRetry={() => void refetch({ cancelRefetch: false })} />
      </>
    );
  }
  return <NoSuchProduct />;
}

function Details({ product }: { product: Product }) {
  const stock = describeStock(product.stock);
  const category = categoryName(product.category, useCategories());
  const address = addressOfListing({ category: product.category, query: "", sort: DEFAULT_SORT });
  return (
    <article className={styles.product}>
      <nav className={styles.crumbs} aria-label="Breadcrumb">
        <ol className={styles.crumbList}>
          <li>
            <Link to="/" className={styles.crumb}>All products</Link>
          </li>
          <li>
            <Link to={address} className={styles.crumb}>{category}</Link>
          </li>
        </ol>
      </nav>
      <div className={styles.picture}>
        <ProductPicture product={product} alt={`Picture of ${product.name}`} eager />
      </div>
      <div className={styles.facts}>
        <h1 className={styles.name} data-testid="product-name">{product.name}</h1>
        <p className={styles.price} data-testid="product-price">{formatPrice(product.price)}</p>
        <p className={styles.stock} data-stock={stock.level}>{stock.text}</p>
        <p className={styles.description}>{product.description}</p>
        <dl className={styles.data}>
          <div>
            <dt>Category</dt>
            <dd>{category}</dd>
          </div>
          <div>
            <dt>Article number</dt>
            <dd>{product.sku}</dd>
          </div>
        </dl>
      </div>
    </article>
  );
}

function DetailsSkeleton() {
  return (
    <div className={styles.product} data-testid="product-skeleton">
      <p className="visually-hidden" role="status">Loading the product</p>
      <span className={styles.skeletonPicture} />
      <div className={styles.facts} aria-hidden="true">
        <span className={styles.skeletonName} />
        <span className={styles.skeletonPrice} />
        <span className={styles.skeletonText} />
      </div>
    </div>
  );
}

function NoSuchProduct() {
  return (
    <>
      <PageTitle page="Product not found" />
      <Message
        title="This product is not in the shop"
        sign="Gone"
        action={<Link to="/" className="button">Show all products</Link>}
      >
        <p>It may be sold out for good, or the link to it has a typo.</p>
      </Message>
    </>
  );
}

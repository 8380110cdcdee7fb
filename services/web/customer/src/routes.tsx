import type { RouteObject } from "react-router";

import { ListingPage } from "./catalogue/ListingPage";
import { ProductPage } from "./catalogue/ProductPage";
import { Layout } from "./shell/Layout";
import { NotFoundPage } from "./shell/NotFoundPage";
import { UnexpectedErrorPage } from "./shell/UnexpectedErrorPage";

/** The addresses of the shop. */
export const routes: RouteObject[] = [
  {
    element: <Layout />,
    errorElement: <UnexpectedErrorPage />,
    children: [
      { path: "/", element: <ListingPage /> },
      { path: "/category/:category", element: <ListingPage /> },
      { path: "/products/:id", element: <ProductPage /> },
      { path: "*", element: <NotFoundPage /> },
    ],
  },
];

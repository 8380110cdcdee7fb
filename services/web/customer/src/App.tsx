import { QueryClientProvider, type QueryClient } from "@tanstack/react-query";
import type { DataRouter } from "react-router";
import { RouterProvider } from "react-router/dom";

interface Props {
  router: DataRouter;
  queryClient: QueryClient;
}

/** The whole shop; its router and cache come from outside, so that tests bring their own. */
export function App({ router, queryClient }: Props) {
  return (
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}

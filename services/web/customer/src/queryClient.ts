import { QueryClient } from "@tanstack/react-query";

import { isTransient } from "./http/getJson";

/** The cache of what the shop's API answered. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        // One quick second attempt hides a pod that went away under a request; pages that still
        // fail say so and keep trying (useKeepTrying).
        retry: (failures, error) => failures < 1 && isTransient(error),
        retryDelay: 300,
        // Ask also when the browser believes to be offline: it is sometimes wrong, and a failed
        // request says more to the customer than a page that waits forever.
        networkMode: "always",
        refetchOnWindowFocus: false,
      },
    },
  });
}

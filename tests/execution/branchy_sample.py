"""Every sort of branch, for comparing two ways to measure. Not formatted: its odd shapes are the point."""

# fmt: off
# ruff: noqa
import os

import contextlib
def f(x):
    if x < 0:
        return -1
    elif x == 0 and (x or
          not x):
        y = 2
    else:
        y = 3
    for i in range(x):
        if i % 2:
            continue
        y += 1
    else:
        y += 100
    while x > 0:
        x -= 1
        if x == 2:
            break
    try:
        if y > 3:
            raise ValueError
    except KeyError:
        pass
    except ValueError:
        y = 1
    finally:
        y += 1
    with contextlib.suppress(Exception):
        if y > 5:
            y = 5
    z = [a for a in range(3) if a]
    w = (1 if x else
         2)
    match y:
        case 1:
            return 1
        case 2 if x:
            pass
        case _:
            y = 7
    if x:
        y = 9
    return y

def g(items):
    for item in items:
        if item:
            yield item
    if not items:
        return
    yield from items

def h(n):
    def inner(m):
        if m:
            return 1
    while True:
        n -= 1
        if n < 0:
            return inner(n)
        if n == 3 or n == 4:
            continue
        with open(os.devnull) as fh:
            for line in fh:
                pass
            if n: fh.read()
async def co(n):
    async def agen():
        for i in range(n):
            yield i
    async for i in agen():
        if i: pass
    if n:
        return 1
@contextlib.contextmanager
def deco(a):
    if a:
        yield 1
    else:
        yield 2
def lam(k):
    return sorted(k, key=lambda q: -q if q else 1)
def one(x):
    if x: return 1
    assert x == 0, "no"
    a = not x and 3
    return a if a else None

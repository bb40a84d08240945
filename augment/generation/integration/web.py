"""Web applications: requests to their routes through the test clients of Flask and Starlette."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from augment.analysis import BodyKind, Route, RouteFlow, WebApplication
from augment.generation.integration.bodies import Bodies
from augment.generation.integration.draft import Draft, named, prepared, snake
from augment.generation.integration.making import Script

_CLIENT = "client"
_CHOICES = 4
_NUMBERS = {"int": ["1", "0", "999"], "float": ["1.5", "0"], "UUID": ["12345678-1234-5678-1234-567812345678"]}


@dataclass(frozen=True, slots=True)
class _Request:
    """One request: the expression that sends it, and words for the test's name."""

    expression: str
    title: str
    label: str = ""


class RouteTests:
    """A request: status code and what comes back; also after the request that makes what it is about."""

    rule = "route"

    def drafts(self, flow: RouteFlow, seed: int) -> Iterator[Draft]:
        """The route alone with each body, and after the route that creates."""
        if flow.route is None or flow.application is None:
            return
        route = flow.route
        creator = _creator_of(route, flow.others)
        if creator is None and route.method == "post" and not route.parameters:
            creator = route  # twice the same: does the second one mind?
        for own_client in (False, True) if _CLIENT in flow.entry.fixtures else (True,):
            if creator is not None:
                for choice in range(2):
                    yield self._after(flow, creator, route, choice, own_client=own_client)
            for request in _requests(route, flow.situation.words):
                yield self._draft(flow, route, [], request, own_client=own_client)

    def _after(self, flow: RouteFlow, creator: Route, route: Route, choice: int, *, own_client: bool) -> Draft:
        words = flow.situation.words
        body = Bodies(creator.context, words).record(creator.body, choice, whole=choice > 0)
        first = _request(creator, {}, body)
        follow_up = _request(
            route,
            _parameters_after(route, body),
            Bodies(route.context, words).record(route.body, choice + (route != creator), whole=True),
        )
        return self._draft(flow, route, [first], follow_up, own_client=own_client)

    def _draft(
        self, flow: RouteFlow, route: Route, before: list[_Request], request: _Request, *, own_client: bool
    ) -> Draft:
        application = flow.application
        assert application is not None
        script = Script()
        script.need(prepared(flow.situation))
        indent = _client(script, application) if own_client else ""
        if not own_client:
            script.fixtures.add(_CLIENT)
        for item in before:
            script.add(f"{indent}{item.expression}")
        script.add(f"{indent}response = {request.expression}")
        script.add(f"{indent}assert response.status_code == ...")
        script.add(f"{indent}assert {_content(route, application)} == ...")
        titles = [item.title for item in before]
        name = named("_then_".join([*titles, request.title]), request.label and f"with_{request.label}")
        return Draft(name, script.text(), frozenset(script.imports), frozenset(script.fixtures), self.rule)


def _client(script: Script, application: WebApplication) -> str:
    """Statements that make the client; the indentation of what uses it."""
    name = application.name
    script.imports.add(f"from {application.module} import {name}")
    if application.framework == "flask":
        if application.factory is not None:
            script.add(f"app = {name}({_factory_arguments(application)})")
            script.add("app.testing = True")
            script.add("client = app.test_client()")
        else:
            script.add(f"monkeypatch.setitem({name}.config, 'TESTING', True)")
            script.add(f"client = {name}.test_client()")
        return ""
    script.imports.add(f"from {application.framework}.testclient import TestClient")
    made = f"{name}({_factory_arguments(application)})" if application.factory is not None else name
    if application.has_lifespan:
        script.add(f"with TestClient({made}) as client:")
        return "    "
    script.add(f"client = TestClient({made})")
    return ""


def _factory_arguments(application: WebApplication) -> str:
    """What a factory has to be given: a configuration where it asks for one, with a database of the test's own."""
    factory = application.factory
    if factory is None:
        return ""
    texts = []
    for item in factory.parameters:
        if "config" in item.name or "settings" in item.name:
            keys = [
                key
                for key in ("DATABASE", "DATABASE_PATH", "DB_PATH")
                if f"{key!r}" in factory.source.replace('"', "'")
            ]
            places = "".join(f", {key!r}: str(tmp_path / 'data.db')" for key in keys)
            value = f"{{'TESTING': True{places}}}" if item.required or item.default == "None" else ""
        else:
            value = "str(tmp_path / 'data.db')" if item.required and ("db" in item.name or "path" in item.name) else ""
        if value:
            texts.append(f"{item.name}={value}")
    return ", ".join(texts)


def _requests(route: Route, words: tuple[str, ...]) -> Iterator[_Request]:
    """The route with what it needs, with all it takes, with something missing, and with other values."""
    bodies = Bodies(route.context, words)
    plain = bodies.record(route.body, 0, whole=False)
    path = _parameters(route, 0)
    yield _request(route, path, plain)
    whole = bodies.record(route.body, 0, whole=True)
    if whole != plain:
        yield _request(route, path, whole, "everything")
    for item in [field for field in route.body if field.required][:2]:
        rest = {key: value for key, value in plain.items() if key != item.name}
        yield _request(route, path, rest, f"no_{item.name}")
    for number in range(len(route.query)):
        yield _request(
            replace(route, query=route.query[: number + 1]), path, plain, route.query[number].name, asked=True
        )
    for choice in range(1, _CHOICES):
        other = bodies.record(route.body, choice, whole=choice % 2 == 0)
        varied = _parameters(route, choice)
        if other != plain or varied != path:
            yield _request(route, varied, other, f"other_values_{choice}")
    if route.parameters and any(item.annotation == "int" for item in route.parameters):
        yield _request(route, {item.name: "999" for item in route.parameters}, plain, "unknown_number")


def _request(
    route: Route, path: dict[str, str], body: dict[str, object], label: str = "", *, asked: bool = False
) -> _Request:
    address = route.path.format(**({item.name: "1" for item in route.parameters} | path))
    arguments = [repr(address)]
    bodies = Bodies(route.context)
    query = {item.name: bodies.value(item.annotation, item.name, 0) for item in route.query if item.required or asked}
    if query:
        arguments.append(f"{'query_string' if route.framework == 'flask' else 'params'}={query!r}")
    if route.kind is BodyKind.JSON and route.method not in ("get", "delete"):
        arguments.append(f"json={[body] if route.body_is_list else body!r}")
    elif route.kind is BodyKind.FORM:
        arguments.append(f"data={body!r}")
    words = [part if "{" not in part else f"by_{part.strip('{}')}" for part in route.path.split("/") if part]
    return _Request(
        f"client.{route.method}({', '.join(arguments)})", snake(f"{route.method} {' '.join(words) or 'root'}"), label
    )


def _parameters(route: Route, choice: int) -> dict[str, str]:
    """Values of the path's parameters."""
    bodies = Bodies(route.context)
    found: dict[str, str] = {}
    for item in route.parameters:
        numbers = _NUMBERS.get(item.annotation.rpartition(".")[2])
        value = numbers[choice % len(numbers)] if numbers else str(bodies.value(item.annotation, item.name, choice))
        found[item.name] = value if "/" not in value and value.strip() else "1"
    return found


def _parameters_after(route: Route, body: dict[str, object]) -> dict[str, str]:
    """Values of the path's parameters once ``body`` was posted: what it says itself, else the first number."""
    found = _parameters(route, 0)
    for item in route.parameters:
        short = item.name.rpartition("_")[2]
        given = body.get(item.name, body.get(short) if short != "id" else None)
        if given is not None:
            found[item.name] = str(given)
    return found


def _creator_of(route: Route, others: tuple[Route, ...]) -> Route | None:
    """The route that makes what ``route`` is about: a POST to the collection that its path begins with."""
    stem = route.path.partition("{")[0].rstrip("/")
    posts = [item for item in others if item.method == "post" and "{" not in item.path]
    fitting = [item for item in posts if item.path.rstrip("/") == stem]
    if fitting:
        return fitting[0]
    near = [item for item in posts if stem and item.path.startswith(stem)]
    return near[0] if near else None


def _content(route: Route, application: WebApplication) -> str:
    """The expression for what came back."""
    source = route.context.source
    if application.framework == "flask":
        gives_json = any(
            sign in source for sign in ("jsonify", "return {", "return [", "-> dict", "-> list", ".to_dict")
        )
        return "response.get_json()" if gives_json else "response.get_data(as_text=True)"
    gives_text = any(
        sign in source for sign in ("HTMLResponse", "PlainTextResponse", "TemplateResponse", "status_code=204")
    )
    return "response.text" if gives_text or route.method == "delete" else "response.json()"

"""Every rule of the guard, without a server: what reaches the application, and what does not."""

from __future__ import annotations

import pytest

from ect_assets.cli.serving.guard import HEADERS, known_origins
from ect_assets_tests.cli.serving.asking import (
    COOKIE,
    HOST,
    ORIGIN,
    PUBLIC,
    SECRET,
    Behind,
    ask,
    guarded,
)

OF_OWN_PAGE = {"origin": ORIGIN, "content_type": "application/json"}
NAVIGATION = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture(params=[SECRET, None], ids=["with a token", "without a token"])
def app(request, behind):
    """The guard with and without a token: the other rules hold in both cases."""
    return guarded(behind, request.param)


# Hosts.


@pytest.mark.parametrize("host", [HOST, "localhost:3000", "LocalHost:3000", "[::1]:3000", PUBLIC])
def test_a_known_host_is_let_through(app, behind, host):
    assert ask(app, host=host).text == "patients"


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "127.0.0.1",
        "127.0.0.1:3001",
        "127.0.0.2:3000",
        "rebind.localhost:3000",
        "localhost.:3000",
        "evil.example",
        "evil.example:3000",
        f"{PUBLIC}:3000",
        f"{PUBLIC}.evil.example",
        f"evil.example@{HOST}",
    ],
)
def test_any_other_host_is_refused_with_what_to_write_into_study_toml(app, behind, host):
    answer = ask(app, host=host)
    assert answer.status == 421 and "[ui] hosts" in answer.text
    assert behind.reached == []


def test_two_hosts_in_one_request_are_refused(app, behind):
    assert ask(app, **{"HOST": "evil.example"}).status == 421
    assert behind.reached == []


def test_no_header_of_a_proxy_says_which_host_is_meant(app, behind):
    assert ask(app, host="evil.example", x_forwarded_host=HOST, forwarded=HOST).status == 421


@pytest.mark.parametrize(
    ("port", "named", "host", "origin"),
    [
        (3000, "ect.example.org", "ect.example.org", "https://ect.example.org"),
        (3000, "ECT.example.org:443", "ect.example.org", "https://ect.example.org"),
        (3000, "ect.example.org:8443", "ect.example.org:8443", "https://ect.example.org:8443"),
        (3000, "http://localhost:8080", "localhost:8080", "http://localhost:8080"),
        (80, "http://lab.example.org", "127.0.0.1", "http://127.0.0.1"),
    ],
)
def test_a_name_of_the_study_has_the_origin_that_browsers_give_it(port, named, host, origin):
    assert known_origins(port, [named])[host] == origin


# Requests that may change something.


def test_a_post_of_json_from_the_own_page_is_let_through(app, behind):
    answer = ask(app, "/graphql", "POST", **OF_OWN_PAGE, sec_fetch_site="same-origin")
    assert answer.status == 200 and behind.reached == ["http POST /graphql"]


def test_behind_a_proxy_the_own_page_is_that_of_the_public_name(app, behind):
    of_page = {**OF_OWN_PAGE, "origin": f"https://{PUBLIC}"}
    assert ask(app, "/graphql", "POST", host=PUBLIC, **of_page).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "https://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:3001",
        "https://127.0.0.1:3000",
        "http://localhost:3000",
        f"https://{PUBLIC}",
        f"{ORIGIN}.evil.example",
        f"{ORIGIN}, https://evil.example",
    ],
)
@pytest.mark.parametrize("path", ["/graphql", "/report_asset_materialization/gmv_change"])
def test_a_post_of_any_other_page_is_refused(app, behind, path, origin):
    headers = {name: value for name, value in OF_OWN_PAGE.items() if name != "origin"}
    answer = ask(app, path, "POST", **headers, **({} if origin is None else {"origin": origin}))
    assert answer.status == 403 and behind.reached == []


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "same-origin, cross-site"])
def test_a_post_that_the_browser_says_is_foreign_is_refused_whatever_its_origin(app, behind, site):
    assert ask(app, "/graphql", "POST", **OF_OWN_PAGE, sec_fetch_site=site).status == 403
    assert behind.reached == []


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "text/plain; application/json",
        "application/graphql",
        "application/json, text/plain",
    ],
)
def test_a_post_of_anything_but_json_is_refused(app, behind, content_type):
    said = {} if content_type is None else {"content_type": content_type}
    answer = ask(app, "/graphql", "POST", origin=ORIGIN, **said)
    assert answer.status == 415 and behind.reached == []


def test_json_may_name_its_character_set(app, behind):
    answer = ask(
        app, "/graphql", "POST", origin=ORIGIN, content_type="Application/JSON; charset=utf-8"
    )
    assert answer.status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "QUERY"])
@pytest.mark.parametrize(("path", "allowed"), [("/graphql", "POST"), ("/runs", "GET, HEAD, POST")])
def test_other_methods_are_refused(app, behind, method, path, allowed):
    answer = ask(app, path, method, **OF_OWN_PAGE)
    assert answer.status == 405 and answer.header("allow") == allowed
    assert behind.reached == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "//graphql", "/GraphQL"])
def test_graphql_is_not_answered_to_a_link(app, behind, method, path):
    query = "?query=mutation{launchRun}"
    answer = ask(app, path + query, method, sec_fetch_site="same-origin", accept="text/html")
    assert answer.status == 405 and behind.reached == []


# Requests that only read.


@pytest.mark.parametrize("site", ["cross-site", "same-site", "whatever"])
@pytest.mark.parametrize("dest", ["image", "script", "iframe", "empty", "embed"])
def test_nothing_is_embedded_into_another_page(app, behind, site, dest):
    mode = "navigate" if dest in ("iframe", "embed") else "no-cors"
    answer = ask(app, sec_fetch_site=site, sec_fetch_dest=dest, sec_fetch_mode=mode)
    assert answer.status == 403 and behind.reached == []


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_own_pages_and_typed_addresses_are_answered(app, behind, site):
    assert ask(app, "/runs", sec_fetch_site=site, sec_fetch_dest="empty").status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", None])
@pytest.mark.parametrize("name", ["config", "CONFIG", "config[a]", "%63onfig"])
def test_a_link_does_not_fill_in_a_launch(app, behind, site, name):
    said = {} if site is None else {"sec_fetch_site": site}
    setup = f"/locations/x/jobs/withdraw_patient/playground/setup?{name}=ops"
    assert ask(app, setup, **said, **NAVIGATION).status == 403
    assert behind.reached == []


def test_the_own_page_fills_in_a_launch(app, behind):
    setup = "/locations/x/jobs/withdraw_patient/playground/setup?config=ops"
    assert ask(app, setup, sec_fetch_site="same-origin", **NAVIGATION).status == 200


# Web sockets.


def test_a_web_socket_of_the_own_page_is_accepted(app, behind):
    assert ask(app, "/graphql", kind="websocket", origin=ORIGIN).status == 101


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1:3001"])
def test_a_web_socket_of_any_other_page_is_refused(app, behind, origin):
    said = {} if origin is None else {"origin": origin}
    assert ask(app, "/graphql", kind="websocket", **said).status == 403
    assert behind.reached == []


@pytest.mark.parametrize(
    "said",
    [
        {"host": "rebind.localhost:3000", "origin": "http://rebind.localhost:3000"},
        {"origin": ORIGIN, "sec_fetch_site": "same-site"},
    ],
)
def test_a_web_socket_of_an_unknown_host_or_a_neighbour_is_refused(app, behind, said):
    assert ask(app, "/graphql", kind="websocket", **said).status == 403


def test_there_is_no_web_socket_but_that_of_graphql(app, behind):
    assert ask(app, "/logs", kind="websocket", origin=ORIGIN).status == 403


# The token.

PATHS = [
    "/",
    "/graphql",
    "/server_info",
    "/dagit_info",
    "/logs/run/compute/err",
    "/notebook?path=a.ipynb",
    "/dagit/notebook?path=a.ipynb",
    "/download_debug/run",
    "/report_asset_materialization/gmv_change",
    "/report_asset_check/gmv_change",
    "/report_asset_observation/gmv_change",
    "/_next/static/chunks/main.js",
    "/vendor/graphiql/graphiql.min.js",
    "/favicon.png",
]
WRONG = [
    None,
    "",
    f"x{COOKIE}={SECRET}",
    f"{COOKIE}=",
    f"{COOKIE}=wrong",
    f"ect_ui_3001={SECRET}",
    f"{COOKIE}={SECRET}x",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("cookie", WRONG)
def test_nothing_is_answered_without_the_token(behind, path, cookie):
    app = guarded(behind)
    assert ask(app, path, cookie=cookie).status in (403, 405)
    assert ask(app, path, "POST", cookie=cookie, **OF_OWN_PAGE).status == 403
    assert ask(app, path, kind="websocket", cookie=cookie, origin=ORIGIN).status == 403
    assert behind.reached == []


@pytest.mark.parametrize("path", PATHS)
def test_everything_is_answered_with_the_token_or_where_there_is_none(app, behind, path):
    ask(app, path, "POST", **OF_OWN_PAGE)
    assert len(behind.reached) == 1


def test_a_cookie_of_the_same_name_from_another_port_does_not_lock_out(behind):
    cookie = f"{COOKIE}=planted; other=1; {COOKIE}={SECRET}"
    assert ask(guarded(behind), cookie=cookie).status == 200


def test_the_token_in_the_address_becomes_a_strict_cookie_and_leaves_the_address(behind):
    answer = ask(guarded(behind), f"/assets/a%20b?view=checks&token={SECRET}&x=1", cookie=None)
    assert answer.status == 303 and behind.reached == []
    assert answer.header("location") == f"{ORIGIN}/assets/a%2520b?view=checks&x=1"
    assert answer.header("set-cookie") == f"{COOKIE}={SECRET}; Path=/; HttpOnly; SameSite=Strict"
    assert answer.header("referrer-policy") == "no-referrer"
    assert answer.header("cache-control") == "no-store"


def test_behind_tls_the_cookie_never_goes_without(behind):
    answer = ask(guarded(behind), f"/?token={SECRET}", host=PUBLIC, cookie=None)
    assert answer.header("set-cookie").endswith("; Secure")
    assert answer.header("location") == f"https://{PUBLIC}/"


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "/\r\nset-cookie: a=b"])
def test_the_address_without_the_token_is_always_our_own(behind, path):
    answer = ask(guarded(behind), f"{path}?token={SECRET}", cookie=None)
    assert answer.header("location").startswith(f"{ORIGIN}/")
    assert not {"\r", "\n", "\\"} & set(answer.header("location"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_wrong_token_is_refused_even_beside_the_right_cookie(behind, method):
    headers = OF_OWN_PAGE if method == "POST" else {}
    assert ask(guarded(behind), "/?token=wrong", method, **headers).status == 403
    assert behind.reached == []


def test_the_token_in_the_address_of_a_post_does_not_count(behind):
    answer = ask(guarded(behind), f"/graphql?token={SECRET}", "POST", cookie=None, **OF_OWN_PAGE)
    assert answer.status == 403 and answer.header("set-cookie") is None


def test_a_link_from_elsewhere_leads_to_a_page_that_leads_on_without_its_query(behind):
    path = '/runs/"><script>?config=ops'
    answer = ask(guarded(behind), path.replace("config", "view"), cookie=None, **NAVIGATION)
    assert answer.status == 403 and 'href="/runs/%22%3E%3Cscript%3E"' in answer.text
    assert "<script>" not in answer.text and "ops" not in answer.text


# Headers.


@pytest.mark.parametrize("said", [{}, {"host": "evil.example"}, {"method": "PUT"}])
def test_every_answer_forbids_frames_guessed_types_referrers_and_other_origins(app, said):
    answer = ask(app, origin="https://evil.example", **said)
    for name, value in HEADERS.items():
        assert (name, value) in answer.headers
    assert answer.header("referrer-policy") == "no-referrer"
    assert not [name for name, _ in answer.headers if name.startswith("access-control-")]


def test_the_policy_of_the_application_stays_beside_ours(app):
    policies = [value for name, value in ask(app).headers if name == "content-security-policy"]
    assert policies == ["script-src 'self'", HEADERS["content-security-policy"]]


def test_no_answer_quotes_the_token_but_the_cookie(app):
    for path in ("/", "/?token=wrong", "/graphql", f"/?token={SECRET}"):
        answer = ask(app, path)
        assert SECRET not in answer.text
        assert SECRET not in (answer.header("location") or "")

"""`dilemma view`: what a browser gets, and what nobody does."""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from dilemma import Tournament
from dilemma.envs.errors import DilemmaError
from dilemma.run_server import RunServer


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("view") / "runs"
    results = Tournament(["prisoners_dilemma"], {"<b>a": "tit_for_tat", "d": "all_d"}).run(folder / "one")
    results.report(folder / "one" / "report")
    shutil.copytree(folder / "one", folder / "two & <i>")
    shutil.rmtree(folder / "two & <i>" / "report")
    (folder / "notes").mkdir()
    (folder / "notes" / "secret.txt").write_text("secret")
    (folder.parent / "secret.txt").write_text("secret")
    (folder / "one" / "out").symlink_to("../../secret.txt")
    (folder / "one" / "up").symlink_to("../..")
    (folder / "one" / "beside").symlink_to("../notes/secret.txt")
    (folder / "one" / "round").symlink_to("round")
    (folder / "one" / ".hidden").write_text("secret")
    (folder / "link").symlink_to("..")
    return folder


@pytest.fixture(scope="module")
def server(shelf):
    with RunServer(shelf, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def get(server):
    def get(path, host=None, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.putrequest(method, path, skip_host=True)
        for name in [host] if isinstance(host, str) else host or [f"127.0.0.1:{server.server_port}"]:
            connection.putheader("Host", name)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()

    return get


def test_the_index_leads_to_reports_and_files(get, shelf):
    status, headers, page = get("/")
    assert status == 200
    assert '<a href="./one/report/index.html">one</a>' in page
    assert 'two &amp; &lt;i&gt; (<a href="./two%20%26%20%3Ci%3E/">files</a>)' in page
    assert "<small>prisoners_dilemma: d, 1.02</small>" in page
    assert "<i>" not in page
    status, _, report = get("/one/report/index.html")
    assert (status, report) == (200, (shelf / "one" / "report" / "index.html").read_text())
    status, headers, files = get("/one/")
    assert 'href="./config.toml"' in files
    assert 'href="./report/"' in files
    assert not any(name in files for name in ("out", "up", "beside", ".hidden"))
    assert get("/two%20%26%20%3Ci%3E/")[0] == 200
    status, headers, _ = get("/one")
    assert (status, headers["Location"]) == (301, "/one/")


@pytest.mark.parametrize(
    "path",
    [
        *("/../secret.txt", "/one/../../secret.txt", "/%2e%2e/secret.txt", "/one/%2e%2e/%2e%2e/secret.txt"),
        *("/one/..%2f..%2fsecret.txt", "/one/..\\..\\secret.txt", "//etc/passwd", "/one//etc/passwd"),
        *("/one/out", "/one/up/", "/one/up/secret.txt", "/one/beside", "/one/round", "/link/", "/link/secret.txt"),
        *("/one/.hidden", "/notes/secret.txt", "/notes/", "/one/%00", "/nothing", "*"),
        *("http://127.0.0.1/etc/passwd", "/one/" + "x" * 5000),
    ],
)
def test_nothing_outside_of_runs_is_given(get, path):
    status, _, page = get(path)
    assert status == 404
    assert "secret" not in page
    assert "root:" not in page


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost:1", "[::1]", "", ["127.0.0.1:{}", "evil"]]
)
def test_other_names_of_this_machine_are_refused(get, server, host):
    host = [name.format(server.server_port) for name in host] if isinstance(host, list) else host
    status, _, page = get("/one/config.toml", host)
    assert status == 403
    assert "seed" not in page
    assert get("/", f"localhost:{server.server_port}")[0] == 200


def test_it_only_reads(get, shelf):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert get("/one/config.toml", method=method)[0] == 501
    status, headers, body = get("/one/config.toml", method="HEAD")
    assert (status, body) == (200, "")
    assert int(headers["Content-Length"]) == (shelf / "one" / "config.toml").stat().st_size


def test_headers_keep_a_page_to_itself(get):
    for path in ("/", "/one/", "/one/report/index.html", "/one/config.toml", "/one/report/ranking.csv", "/no"):
        _, headers, _ = get(path)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert ("script-src" in policy) == (path == "/one/report/index.html")
        assert headers["Content-Type"].startswith("text/plain" if path.endswith(("toml", "csv")) else "text/html")
        assert "Server" not in headers or not headers["Server"].strip()


def test_a_run_alone_is_served_too(shelf):
    with RunServer(shelf / "one", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        for path, status in {"/": 200, "/report/index.html": 200, "/up/": 404, "/../secret.txt": 404}.items():
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status, path
        server.shutdown()


def test_mistakes_are_sentences(shelf, server):
    with pytest.raises(DilemmaError, match="is not a folder of runs"):
        RunServer(shelf / "nowhere", 0)
    with pytest.raises(DilemmaError, match=rf"port {server.server_port} can't be used .*--port"):
        RunServer(shelf, server.server_port)


def test_ctrl_c_ends_it(shelf):
    command = [sys.executable, "-m", "dilemma", "view", str(shelf), "--port", "0"]
    heeds = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}  # as in a terminal
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ, **heeds) as process:
        assert process.stdout.readline().startswith("Ctrl-C ends it: http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0

"""The proof of being simulated: what passes it, and everything that must not.

A wrong yes lets a rehearsal run on a real stimulator.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from drivers.errors import LinkFault, NotConnected, ProtocolError
from drivers.magpro.codec import FrameDecoder, encode_frame
from drivers.magpro.commands import GetStatus
from drivers.magpro.emulator import MagProEmulator
from drivers.magpro.options import Options
from drivers.magpro.replies import Status, parse_message, serial_text
from drivers.serial_link import SerialLink
from drivers.simulator.hosting import Host, PtyPort, hosted_in_thread, listen
from drivers.simulator.proof import (
    ControlAddress,
    ControlServer,
    LoopbackPort,
    NotProved,
    Proof,
    control_address,
    prove_simulated,
)
from tms_console.clock import RealClock

S = 1_000_000_000


class Identifier:
    """What a driver does to find out who is there; one per link, since it keeps half a frame."""

    def __init__(self, link: SerialLink) -> None:
        self.link = link
        self.decoder = FrameDecoder()

    def __call__(self) -> str:
        self.link.write(encode_frame(GetStatus().body))
        end_ns = RealClock().now_ns() + S // 4
        while RealClock().now_ns() < end_ns:
            self.decoder.feed(self.link.read(end_ns))
            try:
                body = self.decoder.next_frame()
            except ProtocolError:
                continue  # the rest of a reply whose start an earlier client of the port has read
            if body is not None and isinstance(status := parse_message(body), Status):
                return serial_text(status.serial)
        raise LinkFault("no answer")


def emulator(serial: int = 1234) -> MagProEmulator:
    return MagProEmulator(Options(serial=serial))


@contextmanager
def emulated(path: Path, serial: int = 1234) -> Iterator[Host]:
    with hosted_in_thread(Host(emulator(serial), PtyPort(path))) as host:
        yield host


@contextmanager
def linked(path: Path) -> Iterator[SerialLink]:
    link = SerialLink(str(path), 38_400, RealClock())
    try:
        yield link
    finally:
        link.close()


def prove(
    link: SerialLink,
    control: ControlAddress | None = None,
    identify: Identifier | None = None,
) -> Proof:
    control = control_address(link.name) if control is None else control
    return prove_simulated(control, link, identify or Identifier(link), timeout_s=0.5)


def test_a_real_emulator_proves_itself_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "magpro"
    with emulated(path):
        for _ in range(2):
            with linked(path) as link:
                identify = Identifier(link)
                link.write(encode_frame(GetStatus().body))
                proof = prove(link, identify=identify)
                assert prove(link, identify=identify) == proof
                assert "serial number 1234" in proof.text
                assert f"{path}.control" in proof.text


def test_an_emulator_that_this_process_built_needs_no_socket() -> None:
    assert Proof.built_here(emulator()).text == (
        "built by this process: emulated MagPro X100, serial number 1234"
    )


def test_an_emulator_whose_control_socket_belongs_to_another_port_fails(tmp_path: Path) -> None:
    """Two emulators with the same serial number: only the count of bytes tells them apart."""
    one, other = tmp_path / "one", tmp_path / "other"
    with (
        emulated(one),
        emulated(other),
        linked(one) as link,
        pytest.raises(NotProved, match="the emulator got 0"),
    ):
        prove(link, control_address(str(other)))


def test_an_emulator_with_another_serial_number_fails(tmp_path: Path) -> None:
    path = tmp_path / "magpro"
    with emulated(path), linked(path) as link:
        identify = Identifier(link)
        with pytest.raises(NotProved, match="answers with 1235"):
            prove_simulated(control_address(str(path)), link, lambda: identify() and "1235")


def test_bytes_that_somebody_else_writes_meanwhile_spoil_the_proof(tmp_path: Path) -> None:
    path = tmp_path / "magpro"
    with emulated(path) as host, linked(path) as link:
        identify = Identifier(link)

        def disturbed() -> str:
            host.do(lambda: host.device.receive(b"\0"))
            return identify()

        with pytest.raises(NotProved, match=r"5 bytes were written .* got 6"):
            prove_simulated(control_address(str(path)), link, disturbed)


def test_identifying_without_writing_proves_nothing(tmp_path: Path) -> None:
    """A cached serial number would make any port pass."""
    path = tmp_path / "magpro"
    with (
        emulated(path),
        linked(path) as link,
        pytest.raises(NotProved, match="nothing was written"),
    ):
        prove_simulated(control_address(str(path)), link, lambda: "1234")


@contextmanager
def foreign_terminal() -> Iterator[Path]:
    """A pseudo-terminal that somebody else made, such as a bridge to a real stimulator."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield Path(os.ttyname(slave))
    os.close(master)
    os.close(slave)


def test_a_foreign_terminal_without_a_control_socket_fails() -> None:
    with (
        foreign_terminal() as path,
        linked(path) as link,
        pytest.raises(NotProved, match="no emulator answers there"),
    ):
        prove(link)


def test_a_foreign_terminal_with_an_emulators_control_socket_fails(tmp_path: Path) -> None:
    with (
        foreign_terminal() as path,
        emulated(tmp_path / "magpro"),
        linked(path) as link,
        pytest.raises(NotProved, match="did not identify itself"),
    ):
        prove(link, control_address(str(tmp_path / "magpro")))


@pytest.mark.parametrize("kind", ["file", "folder", "link", "left"])
def test_a_control_path_that_is_no_living_socket_of_this_user_fails(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "magpro"
    with emulated(path), linked(path) as link:
        control = tmp_path / "elsewhere.control"
        match kind:
            case "file":
                control.write_text('{"nonce": "?"}')
            case "folder":
                control.mkdir()
            case "link":
                control.symlink_to(f"{path}.control")
            case _:
                with socket.socket(socket.AF_UNIX) as left:
                    left.bind(str(control))
        with pytest.raises(NotProved, match=r"not a socket of this user|no emulator answers"):
            prove(link, control)


@contextmanager
def lying_server(path: Path, answer: Callable[[bytes], bytes | None]) -> Iterator[Path]:
    """A control server that says what `answer` makes of a request; None hangs up."""
    stopping = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(0.05)

        def run() -> None:
            while not stopping.is_set():
                try:
                    client, _ = listener.accept()
                except TimeoutError:
                    continue
                with client:
                    client.settimeout(2.0)
                    said = answer(client.recv(4096))
                    if said is None:
                        continue
                    try:
                        client.sendall(said)
                        client.recv(1)
                    except OSError:
                        continue

        thread = threading.Thread(target=run)
        thread.start()
        yield path
        stopping.set()
        thread.join()


def honest(request: bytes, count: int) -> bytes:
    nonce = json.loads(request)["nonce"]
    return json.dumps({"nonce": nonce, "serial": "1234", "bytes_received": count}).encode() + b"\n"


FIRST_ANSWER: list[bytes] = []


def replayed(request: bytes) -> bytes:
    if not FIRST_ANSWER:
        FIRST_ANSWER.append(honest(request, 5))
    return FIRST_ANSWER[0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda request: honest(request, 100), "the emulator got 0"),
        (replayed, "another nonce|the emulator got"),
        (lambda _: b'{"nonce": "00", "serial": "1234", "bytes_received": 5}\n', "another nonce"),
        (lambda _: b"\xff\xfegarbage\n", "not an emulator's"),
        (lambda _: b"[]\n", "not an emulator's"),
        (lambda _: b"[" * 1000 + b"\n", "not an emulator's"),
        (lambda _: b"{}\n", "not an emulator's"),
        (lambda request: honest(request, 5).replace(b"5}", b'"5"}'), "not an emulator's"),
        (lambda request: honest(request, 5).replace(b"5}", b"true}"), "not an emulator's"),
        (lambda request: honest(request, 5).replace(b'"1234"', b"1234"), "not an emulator's"),
        (lambda _: b"", "no answer|timed out"),
        (lambda _: b"{", "no answer|timed out"),
        (lambda _: None, "without an answer|no emulator"),
        (lambda _: b"x" * 1_000_000, "longer than 1024"),
    ],
    ids=[
        "fixed-count", "replayed", "wrong-nonce", "garbage", "list", "deep", "empty", "text-count",
        "true-count", "number-serial", "silence", "half", "hang-up", "giant",
    ],
)  # fmt: skip
def test_a_lying_control_server_fails(
    tmp_path: Path, answer: Callable[[bytes], bytes | None], reason: str
) -> None:
    path = tmp_path / "magpro"
    with (
        emulated(path),
        linked(path) as link,
        lying_server(tmp_path / "lie.control", answer) as control,
        pytest.raises(NotProved, match=reason),
    ):
        prove(link, control)


def test_a_server_that_drips_bytes_for_ever_is_given_up_in_time(tmp_path: Path) -> None:
    path = tmp_path / "drip.control"
    stopping = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def drip() -> None:
            client, _ = listener.accept()
            with client, suppress(BrokenPipeError):  # it was given up
                while not stopping.wait(0.02):
                    client.send(b" ")

        thread = threading.Thread(target=drip)
        thread.start()
        with (
            emulated(tmp_path / "magpro"),
            linked(tmp_path / "magpro") as link,
            pytest.raises(NotProved, match=r"no answer|timed out"),
        ):
            prove_simulated(path, link, Identifier(link), timeout_s=0.3)
        stopping.set()
        thread.join()  # that it ends at all is what is shown


def test_an_emulator_on_a_loopback_port_has_its_control_socket_next_to_it() -> None:
    with hosted_in_thread(listen(emulator())) as host:
        address = control_address(host.port.name)
        assert address == host.control.address
        assert str(address).startswith("localhost:")
        host_name, _, number = host.port.name.partition(":")
        with socket.create_connection((host_name, int(number)), 2.0) as connection:
            link = StreamLink(connection)
            proof = prove_simulated(address, link, Identifier(link))  # type: ignore[arg-type]
    assert "5 of 5 bytes counted" in proof.text


class StreamLink:
    """A link over a TCP connection, as small as this test needs it."""

    name = "localhost"

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.bytes_written = 0

    def write(self, data: bytes) -> None:
        self.connection.sendall(data)
        self.bytes_written += len(data)

    def read(self, until_ns: int) -> bytes:
        self.connection.settimeout(max(0.01, (until_ns - RealClock().now_ns()) / S))
        return self.connection.recv(4096)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("/tmp/magpro", Path("/tmp/magpro.control")),
        ("localhost:7000", LoopbackPort(7001)),
        ("socket://localhost:7000", LoopbackPort(7001)),
        ("127.0.0.1:7000", LoopbackPort(7001)),
        ("example.org:7000", Path("example.org:7000.control")),
        ("localhost:x", Path("localhost:x.control")),
        ("COM3", Path("COM3.control")),
    ],
)
def test_every_port_has_one_control_address(name: str, address: ControlAddress) -> None:
    assert control_address(name) == address


def test_the_control_socket_is_private_and_a_second_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "magpro.control"
    server = ControlServer(path, emulator())
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(NotConnected, match="cannot open the control socket"):
        ControlServer(path, emulator())
    server.close()
    server.close()
    assert not path.exists()


def said(path: Path, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2.0)
        client.connect(str(path))
        try:
            client.sendall(request)
            return client.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            return b""


@pytest.mark.parametrize(
    "request_", [b"garbage\n", b"[]\n", b"{}\n", b'{"nonce": 5}\n', b"x" * 300, b"[" * 250 + b"\n"]
)
def test_the_server_hangs_up_on_what_is_no_request_and_goes_on(
    tmp_path: Path, request_: bytes
) -> None:
    path = tmp_path / "magpro"
    with emulated(path):
        control = Path(f"{path}.control")
        assert said(control, request_) == b""
        assert json.loads(said(control, b'{"nonce": "5"}\n'))["nonce"] == "5"


def test_the_server_keeps_a_few_clients_and_lets_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "magpro"
    with emulated(path):
        clients = []
        for _ in range(10):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(2.0)
            client.connect(f"{path}.control")
            clients.append(client)
            time.sleep(0.005)
        assert clients[0].recv(1) == b""
        clients[-1].sendall(b'{"nonce":')
        time.sleep(0.02)
        clients[-1].sendall(b' "7"}\n{"nonce')
        assert json.loads(clients[-1].recv(4096))["nonce"] == "7"
        clients[-1].sendall(b'": "8"}\n')
        assert json.loads(clients[-1].recv(4096))["nonce"] == "8"
        for client in clients:
            client.close()
        assert said(Path(f"{path}.control"), b'{"nonce": "9"}\n')


def test_a_client_that_resets_or_never_waits_for_its_answer_does_not_disturb_the_server(
    tmp_path: Path,
) -> None:
    server = ControlServer(tmp_path / "magpro.control", emulator())
    (listener,) = server.sockets
    server.serve(listener)
    for _ in range(2):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(server.address))
        server.serve(listener)
        heard = server.sockets[1]
        server.serve(heard)
        assert heard in server.sockets
        client.sendall(b'{"nonce": "1"}\n')
        client.close()
        server.serve(heard)
        assert server.sockets == [listener]
        server.serve(heard)
    server.close()


def test_a_client_on_a_loopback_port_that_resets_is_dropped() -> None:
    with listen(emulator()) as host:
        server = host.control
        assert isinstance(server.address, LoopbackPort)
        client = socket.create_connection(("127.0.0.1", server.address.number), 2.0)
        wait_for_client(server)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        time.sleep(0.02)
        server.serve(server.sockets[1])
        assert len(server.sockets) == 1


def wait_for_client(server: ControlServer) -> None:
    end = time.monotonic() + 2
    while len(server.sockets) == 1:
        assert time.monotonic() < end
        server.serve(server.sockets[0])

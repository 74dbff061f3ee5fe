"""Proves the store on MariaDB: the contract of stores, and races of threads.

    python tests/storage/mariadb.py

It installs nothing. It looks for `mariadbd` (Debian: `mariadb-server`), starts a private server in a temporary
folder on a socket there, runs the tests of this folder that take a store, and stops it. Where there is
none, it says so and ends with 2.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_HASTY = ("--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0", "--sync-frm=0")
"""What makes tables quickly and would lose them with the machine."""


class Server:
    """A MariaDB server of its own."""

    def __init__(self, program: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="my"))
        names = {each.pw_name for each in pwd.getpwall()}
        given: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("mysql" if "mysql" in names else "nobody")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            given = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        install = shutil.which("mariadb-install-db") or "mysql_install_db"
        data = f"--datadir={self.folder}/data"
        made = subprocess.run(
            [install, "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"],
            capture_output=True, text=True, cwd=self.folder, check=False, **given,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout + made.stderr
        self.socket = f"{self.folder}/s"
        self.process = subprocess.Popen(
            [program, "--no-defaults", data, f"--socket={self.socket}", "--skip-networking", *_HASTY],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **given,
        )  # fmt: skip
        until = time.monotonic() + 60
        while True:
            try:
                self.run("SELECT 1")
                break
            except Exception:
                assert self.process.poll() is None
                assert time.monotonic() < until, "MariaDB does not answer"
            time.sleep(0.1)

    def run(self, *statements: str) -> None:
        """Run statements as its owner."""
        import pymysql

        with pymysql.connect(unix_socket=self.socket, user="root") as raw, raw.cursor() as cursor:
            for each in statements:
                cursor.execute(each)

    def stop(self) -> None:
        """Stop it and remove its folder."""
        self.process.terminate()
        self.process.wait(timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)


def main() -> int:
    program = shutil.which("mariadbd") or shutil.which("mysqld") or shutil.which("mariadbd", path="/usr/sbin")
    if program is None:
        print("There is no MariaDB on this machine; in Debian: apt-get install mariadb-server")
        return 2
    server = Server(program)
    try:
        os.environ["ITIL4_MARIADB"] = server.socket
        import pytest

        given = sys.argv[1:] or [str(HERE / "test_databases.py"), str(HERE / "test_races.py")]
        return int(pytest.main(["-q", *given, "-k", "MariaDB or mariadb"]))
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())

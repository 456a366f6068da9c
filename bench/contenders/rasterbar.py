"""libtorrent (Debian's python3-libtorrent), unencrypted as it is by default; the contender's protocol is in contender-program.ts."""
import json
import os
import sys
import threading
import time

import libtorrent


def say(**line):
    print(json.dumps(line), flush=True)


def timed(work):
    say(ready=True)
    sys.stdin.readline()
    begin = time.monotonic()
    work()
    say(seconds=time.monotonic() - begin)


def session():
    return libtorrent.session({
        "listen_interfaces": "127.0.0.1:0",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "allow_multiple_connections_per_ip": True,
        # Its own default mixes TCP with uTP, which is slower between two processes of one machine.
        "enable_outgoing_utp": False,
        "enable_incoming_utp": False,
        "out_enc_policy": 2,
        "in_enc_policy": 2,
        "alert_mask": 0,
    })


def torrent_of(file):
    storage = libtorrent.file_storage()
    libtorrent.add_files(storage, file)
    torrent = libtorrent.create_torrent(storage)
    libtorrent.set_piece_hashes(torrent, os.path.dirname(file))
    return libtorrent.bencode(torrent.generate())


def seed(file, folder):
    encoded = torrent_of(file)
    path = os.path.join(folder, "file.torrent")
    with open(path, "wb") as out:
        out.write(encoded)
    here = session()
    handle = here.add_torrent({"ti": libtorrent.torrent_info(path), "save_path": os.path.dirname(file)})
    while not handle.status().is_seeding:
        time.sleep(0.02)
    say(where=path + "@" + str(here.listen_port()))
    sys.stdin.read()


def fetch(where, output, folder):
    path, port = where.rsplit("@", 1)
    info = libtorrent.torrent_info(path)
    here = session()

    def work():
        handle = here.add_torrent({"ti": info, "save_path": os.path.dirname(output)})
        handle.connect_peer(("127.0.0.1", int(port)))
        while not handle.status().is_seeding:
            time.sleep(0.005)

    timed(work)


def publish(file, folder):
    timed(lambda: torrent_of(file))


def end_with_the_benchmark():
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


threading.Thread(target=end_with_the_benchmark, daemon=True).start()
{"seed": seed, "fetch": fetch, "publish": publish}[sys.argv[1]](*sys.argv[2:])

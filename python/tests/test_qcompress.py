"""The package as its users have it: QCOMPRESS names the program, QCOMPRESS_MODEL a model."""

import gc
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy
import onnx
import onnx.numpy_helper

import qcompress

MODEL = pathlib.Path(os.environ["QCOMPRESS_MODEL"])


class ContainerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = qcompress.pack(MODEL, self.folder / "model.qc")

    def test_load_gives_the_model(self):
        self.assertEqual(qcompress.load(self.path), MODEL.read_bytes())

    def test_tensors_are_those_of_onnx(self):
        model = onnx.load(MODEL)
        with qcompress.Container(self.path) as container:
            names = [tensor.name for tensor in container.tensors]
            for initializer in model.graph.initializer:
                self.assertIn(initializer.name, names)
                expected = onnx.numpy_helper.to_array(initializer)
                decoded = container.decode(initializer.name)
                self.assertEqual(decoded.dtype, expected.dtype)
                numpy.testing.assert_array_equal(decoded, expected)
            with self.assertRaises(KeyError):
                container.decode("no such tensor")

    def test_decoded_arrays_outlive_their_container(self):
        with qcompress.Container(self.path) as container:
            name = max(container.tensors, key=lambda tensor: tensor.size).name
            decoded = container.decode(name)
            kept = decoded.copy()
        gc.collect()
        numpy.testing.assert_array_equal(decoded, kept)
        decoded[...] = 0

    def test_reads_any_buffer(self):
        packed = self.path.read_bytes()
        for source in (packed, bytearray(packed), memoryview(packed), numpy.frombuffer(packed, "u1")):
            with qcompress.Container(source) as container:
                self.assertEqual(container.read_file(), MODEL.read_bytes())
                container.verify()

    def test_updates_want_their_base(self):
        model = onnx.load(MODEL)
        tensor = model.graph.initializer[0]
        tensor.CopyFrom(onnx.numpy_helper.from_array(
            onnx.numpy_helper.to_array(tensor) * numpy.float32(1.001), tensor.name))
        changed = self.folder / "changed.onnx"
        onnx.save(model, changed)
        update = self.folder / "update.qc"
        subprocess.run([os.environ["QCOMPRESS"], "pack", "-q", changed, "--base", MODEL, "-o", update],
                       check=True)
        base = MODEL.read_bytes()
        self.assertEqual(qcompress.load(update, base=base), changed.read_bytes())
        with qcompress.Container(update, base=[bytearray(base)]) as container:
            self.assertEqual([file.size for file in container.base_files], [len(base)])
            container.verify()
        for wrong in (None, base[:-1], bytes(len(base)), changed.read_bytes()):
            with self.assertRaises(qcompress.Error) as caught:
                qcompress.load(update, base=wrong)
            self.assertEqual(caught.exception.status, qcompress.Status.USAGE)

    def test_damage_is_an_error(self):
        packed = bytearray(self.path.read_bytes())
        packed[len(packed) // 2] ^= 1
        with self.assertRaises(qcompress.Error) as raised:
            with qcompress.Container(packed) as container:
                container.verify()
        self.assertEqual(raised.exception.status, qcompress.Status.CORRUPT)
        self.assertIn("damaged", str(raised.exception))

    def test_missing_files_and_limits_are_errors(self):
        with self.assertRaises(qcompress.Error) as raised:
            qcompress.Container(self.folder / "none.qc")
        self.assertEqual(raised.exception.status, qcompress.Status.FILE)
        with self.assertRaises(qcompress.Error) as raised:
            qcompress.Container(self.path, max_memory=1000)
        self.assertEqual(raised.exception.status, qcompress.Status.LIMIT)

    def test_closed_containers_say_so(self):
        container = qcompress.Container(self.path)
        container.close()
        container.close()
        with self.assertRaises(ValueError):
            container.read_file()

    def test_threads_share_a_container(self):
        results = []
        with qcompress.Container(self.path) as container:
            threads = [threading.Thread(target=lambda: results.append(container.read_file()))
                       for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(results, 4 * [MODEL.read_bytes()])

    def test_works_without_numpy(self):
        script = ("import sys; sys.modules['numpy'] = None; import qcompress\n"
                  "container = qcompress.Container(sys.argv[1])\n"
                  "first = container.tensors[0]\n"
                  "assert len(container.decode(first.name)) == first.size")
        subprocess.run([sys.executable, "-c", script, self.path], check=True)

    def test_inspect_and_errors_of_the_program(self):
        report = qcompress.inspect(self.path)
        self.assertEqual(report["totals"]["packed_bytes"], self.path.stat().st_size)
        with self.assertRaises(RuntimeError) as raised:
            qcompress.pack(MODEL, self.path)
        self.assertIn("exists", str(raised.exception))


if __name__ == "__main__":
    unittest.main()

"""More small files in torchvision's layouts: those of data sets that are lists of image files."""

import csv
import io
import json
import struct
import tarfile
import zipfile
import zlib

import numpy as np
from PIL import Image


def write(folder, picture):
    """Write them into the folder; `picture(height, width, seed)` makes one."""
    for each in (_classes, _places, _faces, _sentences, _numbers, _roads, _imagenet, _flows, _photos):
        each(folder, picture)


def write_deep_png(path, pixels):
    """A PNG file of 16 bits a channel whose rows use all five filters."""
    height, width, channels = pixels.shape
    rows = pixels.astype(">u2").reshape(height, -1).view(np.uint8).astype(int)
    step, above, raw = channels * 2, np.zeros(rows.shape[1], int), b""
    for i, row in enumerate(rows):
        left = np.concatenate([np.zeros(step, int), row[:-step]])
        corner = np.concatenate([np.zeros(step, int), above[:-step]])
        guess = left + above - corner
        near = np.abs(np.stack([left, above, corner]) - guess).argmin(0)
        filters = [0, left, above, (left + above) // 2, np.choose(near, [left, above, corner])]
        raw += bytes([i % 5]) + ((row - filters[i % 5]) % 256).astype(np.uint8).tobytes()
        above = row
    head = struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def _save(picture, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)


def _text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _classes(folder, picture):
    caltech = folder / "caltech101" / "101_ObjectCategories"
    for i, name in enumerate(("BACKGROUND_Google", "airplanes", "ant")):
        _save(picture(5, 4, i), caltech / name / "image_0001.jpg")
    _save(picture(5, 4, 8).convert("L"), caltech / "ant" / "image_0002.jpg")
    for i, name in enumerate(("001.ak47", "002.flag")):
        _save(picture(5, 4, i), folder / "caltech256" / "256_ObjectCategories" / name / f"{i + 1:03d}_0001.jpg")
    _text(folder / "caltech256" / "256_ObjectCategories" / "002.flag" / "notes.txt", "no picture")
    clevr = folder / "clevr" / "CLEVR_v1.0"
    for split in ("train", "test"):
        for i in range(2):
            _save(picture(5, 4, i), clevr / "images" / split / f"CLEVR_{split}_{i}.png")
    scenes = [{"image_filename": f"CLEVR_train_{i}.png", "objects": [{}] * (3 - i)} for i in range(2)]
    _text(clevr / "scenes" / "CLEVR_train_scenes.json", json.dumps({"scenes": scenes}))
    _save(picture(5, 4, 1), folder / "2018" / "Birds" / "1" / "a.jpg")
    _save(picture(5, 4, 2), folder / "2018" / "Plants" / "0" / "b.jpg")
    _save(picture(5, 4, 1), folder / "2017" / "Birds" / "Parus major" / "a.jpg")
    _save(picture(5, 4, 1), folder / "2019" / "Birds" / "1" / "a.jpg")
    for i, name in enumerate(("Animalia_Chordata_Aves_Pici_Picidae_Picus_viridis", "Plantae_Bryo_Moss_A_B_C_d")):
        _save(picture(5, 4, i), folder / "2021_train" / f"{i:05d}_{name}" / "x.jpg")
    _save(picture(5, 4, 1), folder / "2021_valid" / "00001_a" / "x.jpg")
    base = folder / "omniglot-py"
    for i in range(2):
        _save(picture(5, 4, i).convert("1"), base / "images_background" / "Latin" / "character01" / f"0001_0{i}.png")
    with zipfile.ZipFile(base / "images_background.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("a"), "b")


def _places(folder, picture):
    _text(folder / "categories_places365.txt", "/b/beach 1\n/a/abbey 0\n")
    _text(folder / "places365_val.txt", "Places_1.jpg 1\n/Places_2.jpg 0\n")
    _text(folder / "places365_test.txt", "Places_1.jpg\n")
    for i in (1, 2):
        _save(picture(5, 4, i), folder / "val_256" / f"Places_{i}.jpg")
    _save(picture(5, 4, 3), folder / "test_large" / "Places_1.jpg")
    _text(folder / "SUN397" / "ClassName.txt", "/a/abbey\n/b/bar/indoor\n")
    _save(picture(5, 4, 3), folder / "SUN397" / "b" / "bar" / "indoor" / "sun_x.jpg")


def _faces(folder, picture):
    base = folder / "lfw-py"
    for name, count in (("Ada_B", 2), ("Carl_D", 1), ("Eve_F", 2)):
        for i in range(count):
            _save(picture(5, 4, i), base / "lfw_funneled" / name / f"{name}_{i + 1:04d}.jpg")
    _text(base / "lfw-names.txt", "Ada_B\t2\nCarl_D\t1\nEve_F\t2\n")
    _text(base / "people.txt", "2\n1\nEve_F\t2\n2\nAda_B\t2\nCarl_D\t1\n")
    _text(base / "peopleDevTrain.txt", "2\nAda_B\t2\nCarl_D\t1\n")
    _text(base / "pairs.txt", "2\t1\nAda_B\t1\t2\nAda_B\t1\tCarl_D\t1\nEve_F\t2\t1\nEve_F\t1\tCarl_D\t1\n")
    _text(base / "pairsDevTest.txt", "1\nEve_F\t2\t1\nAda_B\t2\tCarl_D\t1\n")
    _text(base / "lfw-funneled.tgz", "an archive")
    wide = folder / "widerface"
    for name in ("WIDER_val", "WIDER_test", "WIDER_train/images/0--Parade"):
        (wide / name).mkdir(parents=True)
    for i in range(2):
        _save(picture(5, 4, i), wide / "WIDER_train" / "images" / "0--Parade" / f"{i}.jpg")
    _text(
        wide / "wider_face_split" / "wider_face_train_bbx_gt.txt",
        "0--Parade/0.jpg\n2\n1 2 3 4 0 0 1 0 2 0 \n5 6 7 8 1 1 0 1 0 1 \n0--Parade/1.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n",
    )
    _text(wide / "wider_face_split" / "wider_face_test_filelist.txt", "0--Parade/0.jpg\n")
    pixels = [" ".join(str((k * i) % 256) for k in range(48 * 48)) for i in (1, 2, 3)]
    for name, gap, uses in (("fer", "", True), ("fer_icml", " ", True), ("fer_split", "", False)):
        target = folder / name / "fer2013"
        target.mkdir(parents=True)
        file = {"fer": "fer2013.csv", "fer_icml": "icml_face_data.csv"}.get(name, "test.csv")
        with open(target / file, "w", newline="") as out:
            rows = csv.writer(out, lineterminator="\n")
            rows.writerow(["emotion", f"{gap}Usage", f"{gap}pixels"] if uses else ["pixels"])
            for i, (use, text) in enumerate(zip(("Training", "PublicTest", "Training"), pixels, strict=True)):
                rows.writerow([i, use, text] if uses else [text])


def _sentences(folder, picture):
    for i, name in enumerate(("12_ab.jpg", "7_cd.jpg")):
        _save(picture(5, 4, i), folder / "flickr" / name)
    _text(
        folder / "flickr8k.html",
        "<html><table><tr><td><a href='x'>http://flickr.com/photos/me/12/</a></td><td><ul><li>A dog. </li><li>A cat.</li></ul>"
        "</td></tr><tr><td>Image Not Found</td><td><ul><li>Lost.</li></ul></td></tr>"
        "<tr><td><a href='y'>http://flickr.com/photos/me/7/</a></td><td><ul><li>A bird.</li></ul></td></tr></table></html>",
    )
    _text(folder / "flickr30k.token", "7_cd.jpg#0\tA bird.\n12_ab.jpg#0\tA dog.\n12_ab.jpg#1\tA cat.\n")
    _text(folder / "sbu" / "SBUCaptionedPhotoDataset.tar.gz", "an archive")
    _text(folder / "sbu" / "dataset" / "SBU_captioned_photo_dataset_urls.txt", "http://a/1.jpg\nhttp://a/2.jpg\n")
    _text(folder / "sbu" / "dataset" / "SBU_captioned_photo_dataset_captions.txt", "one\ntwo\n")
    _save(picture(5, 4, 2), folder / "sbu" / "dataset" / "2.jpg")


def _numbers(folder, picture):
    drawn = np.random.RandomState(0)
    rows = np.concatenate([drawn.randint(0, 2, (3, 256)), np.eye(10, dtype=int)[[4, 0, 9]]], 1)
    _text(folder / "semeion.data", "\n".join(" ".join(f"{x:.4f}" for x in row) for row in rows))
    (folder / "MovingMNIST").mkdir()
    np.save(folder / "MovingMNIST" / "mnist_test_seq.npy", drawn.randint(0, 256, (20, 2, 4, 3)).astype(np.uint8))


def _roads(folder, picture):
    for part in ("train", "val"):
        _save(picture(5, 4, 1), folder / "leftImg8bit" / part / "ulm" / "ulm_000_leftImg8bit.png")
        for mode in ("gtFine", "gtCoarse"):
            base = folder / mode / part / "ulm"
            for i, kind in enumerate(("instanceIds", "labelIds", "color")):
                _save(picture(5, 4, i).convert("L"), base / f"ulm_000_{mode}_{kind}.png")
            _text(
                base / f"ulm_000_{mode}_polygons.json", '{"objects": [{"label": "sky", "polygon": [[0, 1], [2, 3]]}]}'
            )
    raw = folder / "Kitti" / "raw"
    _save(picture(5, 4, 1), raw / "training" / "image_2" / "000.png")
    _save(picture(5, 4, 2), raw / "testing" / "image_2" / "001.png")
    _text(raw / "training" / "label_2" / "000.txt", "Car 0.5 1 -1.2 1 2 3.5 4 1.5 1.6 3.7 2.1 1.4 8.4 0.01\n")


def _tar(entries):
    """A tar archive in memory: (name, bytes) of each file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def _imagenet(folder, picture):
    def jpeg(seed):
        data = io.BytesIO()
        picture(5, 4, seed).save(data, "JPEG")
        return data.getvalue()

    base = folder / "imagenet"
    base.mkdir()
    classes = [
        (f"{wnid}.tar", _tar([(f"{wnid}_{i}.JPEG", jpeg(i)) for i in range(2)])) for wnid in ("n01440764", "n02102040")
    ]
    (base / "ILSVRC2012_img_train.tar").write_bytes(_tar(classes))
    pictures = [(f"ILSVRC2012_val_{i}.JPEG", jpeg(i)) for i in range(3)]
    (base / "ILSVRC2012_img_val.tar").write_bytes(_tar(pictures))


def _flo(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    flow = np.random.RandomState(seed).randn(4, 5, 2).astype("<f4")
    path.write_bytes(b"PIEH" + struct.pack("<ii", 5, 4) + flow.tobytes())


def _pfm(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    flow = np.random.RandomState(seed).randn(4, 5, 3).astype("<f4")
    path.write_bytes(b"PF\n5 4\n-1.0\n" + flow.tobytes())


def _flows(folder, picture):
    def deep(path, seed):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_deep_png(path, np.random.RandomState(seed).randint(0, 65536, (4, 5, 3)) * [1, 1, seed % 2])

    sintel = folder / "Sintel" / "training"
    for i in range(3):
        for kind in ("clean", "final"):
            _save(picture(4, 5, i), sintel / kind / "alley" / f"frame_{i}.png")
        _save(picture(4, 5, i), folder / "Sintel" / "test" / "clean" / "cave" / f"frame_{i}.png")
    for i in range(2):
        _flo(sintel / "flow" / "alley" / f"frame_{i}.flo", i)
    for split in ("training", "testing"):
        for i in (10, 11):
            _save(picture(4, 5, i), folder / "KittiFlow" / split / "image_2" / f"000_{i}.png")
    deep(folder / "KittiFlow" / "training" / "flow_occ" / "000_10.png", 1)
    for i in range(2):
        for k in (1, 2):
            _save(picture(4, 5, i + k), folder / "FlyingChairs" / "data" / f"0{i}_img{k}.ppm")
        _flo(folder / "FlyingChairs" / "data" / f"0{i}_flow.flo", i)
    _text(folder / "FlyingChairs" / "FlyingChairs_train_val.txt", "1\n2\n")
    things = folder / "FlyingThings3D"
    for side in ("left", "right"):
        for i in range(3):
            _save(picture(4, 5, i), things / "frames_cleanpass" / "TRAIN" / "A" / "0" / side / f"{i}.png")
            for direction in ("into_future", "into_past"):
                _pfm(things / "optical_flow" / "TRAIN" / "A" / "0" / direction / side / f"{i}.pfm", i)
    for i in range(3):
        _save(picture(4, 5, i), folder / "hd1k" / "hd1k_input" / "image_2" / f"000000_{i}.png")
        deep(folder / "hd1k" / "hd1k_flow_gt" / "flow_occ" / f"000000_{i}.png", i)


def _photos(folder, picture):
    pixels = np.random.RandomState(0).randint(0, 256, (128, 192)).astype(np.uint8)
    _save(Image.fromarray(pixels), folder / "liberty" / "patches0000.bmp")
    _text(folder / "liberty" / "info.txt", "5 0\n5 0\n7 0\n")
    _text(folder / "liberty" / "m50_100000_100000_0.txt", "0 5 0 1 5 0\n1 5 0 2 7 0\n")

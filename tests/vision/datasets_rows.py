"""Rows for `datasets`: code, each to the bit. Sums are those of the small files that `files` writes."""

_SUMMED = (
    "def summed(base, pairs): return [[n, datasets.utils.calculate_md5(folder + '/' + base + '/' + n)] for n, _ in pairs]\n"
    "def meta(kind): return {**kind.meta, 'md5': summed(kind.base_folder, [[kind.meta['filename'], 0]])[0][1]}\n"
    "def mine(kind): return type(kind.__name__, (kind,), {'train_list': summed(kind.base_folder, kind.train_list),"
    " 'test_list': summed(kind.base_folder, kind.test_list), 'meta': meta(kind)})\n"
)

DATASETS = [
    "d = datasets.MNIST(folder); [d[6], len(d), d.data, d.targets, d.classes, d.class_to_idx]",
    "d = datasets.MNIST(folder, False, T.ToTensor(), lambda y: -y); [d[2], len(d)]",
    "repr(datasets.MNIST(folder, transform=T.ToTensor()))",
    "d = datasets.FashionMNIST(folder); [d[6], len(d), d.classes]",
    "d = datasets.KMNIST(folder, train=False); [d[1], len(d), d.classes]",
    "d = datasets.EMNIST(folder, 'letters'); [d[5], len(d), d.classes]",
    "datasets.EMNIST(folder, 'words')",
    "datasets.EMNIST(folder, 3)",
    "datasets.EMNIST(folder, 'digits')",
    "d = datasets.QMNIST(folder); [d[3], len(d), repr(d)]",
    "d = datasets.QMNIST(folder, compat=False); d[3]",
    "datasets.QMNIST(folder, 'all')",
    "datasets.MNIST(folder + '/elsewhere')",
    _SUMMED + "d = mine(datasets.CIFAR10)(folder); [d[3], len(d), d.data, d.targets, d.classes, repr(d)]",
    _SUMMED + "d = mine(datasets.CIFAR10)(folder, train=False); [d[1], len(d), d.class_to_idx]",
    _SUMMED + "d = mine(datasets.CIFAR100)(folder, transform=T.PILToTensor()); [d[1], len(d), d.classes]",
    "datasets.CIFAR10(folder)",
    "datasets.CIFAR100(folder + '/elsewhere')",
    "d = datasets.ImageFolder(folder + '/classes'); [d[0], d[3], len(d), d.classes, d.class_to_idx, d.samples, d.targets, repr(d)]",
    "d = datasets.ImageFolder(folder + '/classes', T.ToTensor(), is_valid_file=lambda p: p.endswith('png')); [d.imgs, d[1]]",
    "d = datasets.DatasetFolder(folder + '/classes', lambda p: open(p).read(), ('.txt',)); [d[0], d[1], d.samples, d.extensions]",
    "datasets.DatasetFolder(folder + '/classes', open)",
    "datasets.ImageFolder(folder + '/gap')",
    "d = datasets.ImageFolder(folder + '/gap', allow_empty=True); [d.samples, d.classes]",
    "datasets.ImageFolder(folder + '/nothing')",
    "datasets.ImageFolder(folder + '/none')",
    "datasets.folder.make_dataset(folder + '/classes', {'cat': 5}, '.png')",
    "datasets.folder.make_dataset(folder + '/classes', {}, '.png')",
    "[datasets.folder.is_image_file('a.JPG'), datasets.folder.has_file_allowed_extension('a.b', ('.c', '.b'))]",
    "d = datasets.FakeData(5, (3, 6, 7), 4, random_offset=3); [d[0], d[4], len(d), torch.rand(2)]",
    "datasets.FakeData(5)[5]",
    "d = datasets.VOCDetection(folder); [d[0], len(d), d.images, d.annotations]",
    "d = datasets.VOCSegmentation(folder, transforms=lambda x, y: (y, x)); [d[0], d.masks]",
    "datasets.VOCDetection(folder, '2006')",
    "datasets.VOCDetection(folder, '2012', 'test')",
    "datasets.VOCSegmentation(folder, '2010')",
    "d = datasets.Food101(folder); [d[0], len(d), d.classes, repr(d)]",
    "datasets.Food101(folder, 'val')",
    "datasets.Food101(folder + '/elsewhere')",
    "d = datasets.DTD(folder); [d[0], len(d), d.classes, d.class_to_idx, repr(d)]",
    "d = datasets.EuroSAT(folder); [d[0], len(d), d.classes, repr(d)]",
    "d = datasets.OxfordIIITPet(folder, target_types=['category', 'binary-category', 'segmentation']); [d[1], d.classes, len(d)]",
    "d = datasets.OxfordIIITPet(folder); [d[0], d.bin_classes, d.class_to_idx]",
    "datasets.OxfordIIITPet(folder, target_types='breed')",
    "d = datasets.USPS(folder); [d[0], d[2], len(d), d.targets]",
    "datasets.Flowers102.classes",
    "datasets.Flowers102(folder)",
    "datasets.SVHN(folder, 'val')",
    "datasets.SVHN(folder)",
    "datasets.STL10(folder, folds=11)",
    "datasets.STL10(folder, folds='a')",
    "datasets.STL10(folder)",
    "datasets.CelebA(folder)",
    "datasets.GTSRB(folder)",
    "datasets.StanfordCars(folder, download=True)",
    "datasets.Imagenette(folder)",
    "datasets.FGVCAircraft(folder)",
    "datasets.Country211(folder)",
    "datasets.RenderedSST2(folder)",
    "datasets.utils.check_integrity(folder + '/none')",
    "datasets.utils.extract_archive(folder + '/a.rar')",
    "datasets.utils.extract_archive(folder + '/a')",
    "datasets.utils.verify_str_arg('a', 'b', ('c', 'd'))",
    "sorted(datasets.utils.list_dir(folder + '/classes'))",
    "datasets.utils.list_files(folder + '/classes/cat', 'png', True)",
]
_SUM = "def md5(path): return datasets.utils.calculate_md5(folder + '/' + path)\n"
_LFW = (
    _SUM + "def lfw(kind, *args, **options):\n"
    "    sums = {n: md5('lfw-py/' + n) for n in kind.checksums if n[-7:] not in ('est.txt', 'ain.txt')"
    " or n in ('peopleDevTrain.txt', 'pairsDevTest.txt')}\n"
    "    sums |= {n: 'x' for n in kind.checksums if n not in sums}\n"
    "    files = {'funneled': ('lfw_funneled', 'lfw-funneled.tgz', md5('lfw-py/lfw-funneled.tgz')), 'original': ('a', 'b', 'c')}\n"
    "    return type(kind.__name__, (kind,), {'checksums': sums, 'file_dict': files})(folder, *args, **options)\n"
)
_PLACES = (
    _SUM + "def places(*args, **options):\n"
    "    k = datasets.Places365; lists = {n: (f, md5(f)) for n, (f, _) in k._FILE_LIST_META.items() if n in ('val', 'test')}\n"
    "    names = {'_CATEGORIES_META': ('categories_places365.txt', md5('categories_places365.txt'))}\n"
    "    return type('Places365', (k,), names | {'_FILE_LIST_META': k._FILE_LIST_META | lists})(folder, *args, **options)\n"
)
_FER = (
    _SUM + "def fer(base, split, file):\n"
    "    k = datasets.FER2013; known = {n: (f, md5(base + '/fer2013/' + f) if f == file else m) for n, (f, m) in k._RESOURCES.items()}\n"
    "    return type('FER2013', (k,), {'_RESOURCES': known})(folder + '/' + base, split)\n"
)
_NET = (
    _SUM + "meta = datasets.imagenet.ARCHIVE_META\n"
    "for part in ('train', 'val'): meta[part] = (meta[part][0], md5('imagenet/' + meta[part][0]))\n"
    "words = {'n01440764': ('tench', 'Tinca tinca'), 'n02102040': ('English springer',)}\n"
    "torch.save((words, ['n02102040', 'n01440764', 'n02102040']), folder + '/imagenet/meta.bin')\n"
)
_LISTS = """
d = datasets.Caltech101(folder); [d[0], d[2], len(d), d.categories, d.annotation_categories, d.y, d.index, repr(d)]
datasets.Caltech101(folder, 'outline')
datasets.Caltech101(folder, ['category', 'category'], T.ToTensor(), str)[1]
datasets.Caltech101(folder + '/elsewhere')
d = datasets.Caltech256(folder); [d[0], d[1], len(d), d.categories, repr(d)]
datasets.Caltech256(folder + '/elsewhere')
d = datasets.CLEVRClassification(folder); [d[0], d[1], len(d), repr(d)]
d = datasets.CLEVRClassification(folder, 'test', T.ToTensor(), lambda y: y is None); d[1]
datasets.CLEVRClassification(folder, 'all')
datasets.CLEVRClassification(folder + '/elsewhere')
d = datasets.INaturalist(folder, '2018', ['full', 'super']); [d[0], d[1], d.all_categories, d.categories_index, d.category_name('super', 1)]
d = datasets.INaturalist(folder, '2017'); [d[0], d.all_categories, d.category_name('full', 0)]
datasets.INaturalist(folder, '2019')
d = datasets.INaturalist(folder, target_type=['kingdom', 'genus', 'full']); [d[1], len(d), d.categories_index, d.categories_map]
datasets.INaturalist(folder, '2021_valid')
datasets.INaturalist(folder, '2022')
datasets.INaturalist(folder, '2018', 'kingdom')
datasets.INaturalist(folder, '2021_train_mini')
datasets.INaturalist(folder, '2018').category_name('genus', 1)
datasets.INaturalist(folder, '2018').category_name('super', 9)
datasets.Omniglot(folder)
datasets.SUN397(folder + '/elsewhere')
d = datasets.SUN397(folder); [d[0], len(d), d.classes, d.class_to_idx]
datasets.Places365(folder, 'all')
datasets.Places365(folder, 'val')
datasets.LSUN(folder, 'all')
datasets.LSUN(folder, 3)
datasets.LSUN(folder, [3])
datasets.LSUN(folder, ['bedroom_train', 'cellar_val'])
datasets.LSUN(folder, ['bedroom_all'])
datasets.LFWPeople(folder)
datasets.LFWPairs(folder, 'all')
datasets.LFWPeople(folder, image_set='raw')
datasets.LFWPairs(folder, download=True)
d = datasets.WIDERFace(folder); [d[0], d[1], len(d), repr(d)]
d = datasets.WIDERFace(folder, 'test'); [len(d), d.img_info]
datasets.WIDERFace(folder, 'all')
datasets.WIDERFace(folder + '/elsewhere')
datasets.FER2013(folder, 'all')
datasets.FER2013(folder)
d = datasets.Flickr8k(folder + '/flickr', folder + '/flickr8k.html'); [d[0], d[1], len(d), d.ids]
d = datasets.Flickr30k(folder + '/flickr', folder + '/flickr30k.token', target_transform=len); [d[0], d[1], d.ids]
datasets.Flickr30k(folder + '/flickr', folder + '/none')
datasets.SBU(folder + '/sbu', download=False)
datasets.SEMEION(folder, download=False)
d = datasets.MovingMNIST(folder); [d[1], len(d), repr(d)]
d = datasets.MovingMNIST(folder, 'test', 15, transform=lambda x: x.float()); [d[0], d.data]
datasets.MovingMNIST(folder, 'train', 1).data
datasets.MovingMNIST(folder, 'val')
datasets.MovingMNIST(folder, 'test', 20)
datasets.MovingMNIST(folder, 'test', 1.5)
datasets.MovingMNIST(folder + '/elsewhere')
d = datasets.Cityscapes(folder); [d[0], len(d), d.images, d.targets, repr(d), d.classes]
d = datasets.Cityscapes(folder, 'val', 'coarse', ['semantic', 'polygon', 'color']); [d[0], d.targets]
datasets.Cityscapes(folder, 'test', 'coarse')
datasets.Cityscapes(folder, mode='rough')
datasets.Cityscapes(folder, target_type='depth')
datasets.Cityscapes(folder + '/elsewhere')
d = datasets.Kitti(folder); [d[0], len(d), d.images, repr(d)]
d = datasets.Kitti(folder, False, transforms=lambda x, y: (x, y)); [d[0], d.targets]
datasets.Kitti(folder + '/elsewhere')
d = datasets.Sintel(folder, pass_name='both'); [d[0], d[3], len(d), len(2 * d), repr(d)]
d = datasets.Sintel(folder, 'test'); [d[1], len(d)]
datasets.Sintel(folder, 'all')
d = datasets.KittiFlow(folder); [d[0], len(d)]
datasets.KittiFlow(folder, 'test')[0]
datasets.KittiFlow(folder + '/elsewhere')
d = datasets.FlyingChairs(folder); [d[0], len(d)]
d = datasets.FlyingChairs(folder, 'val', lambda *all: all); d[0]
datasets.FlyingChairs(folder + '/elsewhere')
d = datasets.FlyingThings3D(folder, camera='both'); [d[0], d[2], len(d), d._image_list]
datasets.FlyingThings3D(folder, pass_name='final')
d = datasets.HD1K(folder); [d[0], d[1], len(d)]
datasets.HD1K(folder, 'test')
d = datasets.PhotoTour(folder, 'liberty'); [d[2], len(d), d.data, d.labels, d.matches, d.mean, d.std, repr(d)]
d = datasets.PhotoTour(folder, 'liberty', False, lambda x: x.float()); [d[1], len(d)]
datasets.PhotoTour(folder, 'rome')
datasets.ImageNet(folder + '/elsewhere')
datasets.ImageNet(folder, 'test')
datasets.ImageNet(folder)
datasets.VOCDetection(folder + '/elsewhere')
datasets.CocoDetection(folder + '/coco', folder + '/coco/all.json')[0.5]
datasets.CocoDetection(folder + '/coco', folder + '/none.json')
datasets.ImageFolder(folder + '/damaged')[0]
""".strip().splitlines()
DATASETS += _LISTS
DATASETS += [
    _LFW + "d = lfw(datasets.LFWPeople); [d[1], d[4], len(d), d.targets, d.class_to_idx, repr(d)]",
    _LFW + "d = lfw(datasets.LFWPeople, 'train'); [d[0], d.data, d.targets]",
    _LFW + "d = lfw(datasets.LFWPairs); [d[1], d[2], len(d), d.pair_names, d.targets, d.data, repr(d)]",
    _LFW + "d = lfw(datasets.LFWPairs, 'test', transform=T.ToTensor(), target_transform=str); [d[0], d[1]]",
    _LFW + "pass; lfw(datasets.LFWPairs, 'train')",
    _PLACES
    + "d = places('val', True); [d[0], d[1], len(d), d.classes, d.class_to_idx, d.imgs, d.targets, repr(d), d.variant]",
    _PLACES + "d = places('test'); [d[0], d.imgs]",
    _PLACES + "pass; places('train-standard')",
    _FER + "d = fer('fer', 'train', 'fer2013.csv'); [d[0], d[1], len(d), repr(d)]",
    _FER + "d = fer('fer_icml', 'test', 'icml_face_data.csv'); [d[0], len(d)]",
    _FER + "d = fer('fer_split', 'test', 'test.csv'); [d[2], len(d)]",
    _SUM + "k = datasets.Omniglot; z = {'images_background': md5('omniglot-py/images_background.zip')};"
    " d = type('Omniglot', (k,), {'zips_md5': z})(folder); [sorted(d._flat_character_images), d[0][0].size, d[0][0].mode, len(d)]",
    _SUM + "k = datasets.SEMEION; d = type('SEMEION', (k,), {'md5_checksum': md5('semeion.data')})(folder);"
    " [d[0], d[2], len(d), d.data, d.labels]",
    _SUM + "k = datasets.SBU; m = {'md5_checksum': md5('sbu/SBUCaptionedPhotoDataset.tar.gz')};"
    " d = type('SBU', (k,), m)(folder + '/sbu'); [d[0], len(d), d.photos]",
    _NET
    + "d = datasets.ImageNet(folder + '/imagenet'); [d[3], len(d), d.classes, d.wnids, d.class_to_idx, d.samples, repr(d)]",
    _NET
    + "d = datasets.ImageNet(folder + '/imagenet', 'val', transform=T.ToTensor()); [d[1], d.imgs, d.targets, d.wnid_to_idx]",
]
DATASETS = dict.fromkeys(DATASETS, 0)

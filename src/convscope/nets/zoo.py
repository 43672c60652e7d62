"""The nets that come with convscope, each as the text a user could have written, with its source.

Each is registered once, here; `--help`, `convscope nets`, the docs and the tests list them from this table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from convscope.errors import StackError, instead
from convscope.nets import deep
from convscope.nets.grammar import parse
from convscope.nets.stack import Stack


@dataclass(frozen=True)
class Entry:
    """A net of the zoo: what it is for, where it is from, and what was chosen where the source is silent."""

    name: str
    title: str
    source: str
    text: str
    chosen: str = ""


ENTRIES = (
    Entry(
        "lenet1",
        "LeNet-1, the first one that read zip codes",
        "LeCun et al. 1990, Handwritten digit recognition with a back-propagation network",
        """
        input 1x28x28 range=-1..1
        H1    conv 4 5x5 | squash
        H2    subsample 2x2 | squash
        H3    conv 12 5x5 maps=0/0,1/0,1/1/0,1/0,1/2/2,3/2,3/3/2,3/2,3 | squash
        H4    subsample 2x2 | squash
        OUT   linear 10 | squash
        """,
        "The paper's averaging with one weight and one bias a map is the subsampling of 1998 up to a factor. "
        "Digits keep MNIST's 20 pixels; the table of 1998 shrank them to 16.",
    ),
    Entry(
        "lenet4",
        "LeNet-4, a reconstruction",
        "LeCun et al. 1998, Gradient-based learning applied to document recognition, section III.C.8",
        """
        input 1x32x32 range=-0.1..1.175
        C1    conv 4 5x5 | squash
        S2    subsample 2x2 maps=0/0/1/1/2/2/3/3 | squash
        C3    conv 16 5x5 maps=0,1,2/1,2,3/2,3,4/3,4,5/4,5,6/5,6,7/0,6,7/0,1,7/0,2,5/1,3,6/2,4,7/0,3,5/1,4,6/2,5,7/0,3,6/1,4,7 | squash
        S4    subsample 2x2 | squash
        F5    linear 120 | squash
        OUT   linear 10 | squash
        """,
        "The paper gives about 260,000 connections and about 17,000 weights, which contradict each other: a layer of "
        "120 units over 16 maps of 5x5 alone has 48,120. The connections were followed (262,306), which gives "
        "50,698 weights; C3's table is not printed, so each of its maps sees three, spread evenly.",
    ),
    Entry(
        "lenet5",
        "LeNet-5, exactly as in 1998",
        "LeCun et al. 1998, Gradient-based learning applied to document recognition, section II.B",
        """
        input 1x32x32 range=-0.1..1.175
        C1    conv 6 5x5 | squash
        S2    subsample 2x2 | squash
        C3    conv 16 5x5 maps=0,1,2/1,2,3/2,3,4/3,4,5/0,4,5/0,1,5/0,1,2,3/1,2,3,4/2,3,4,5/0,3,4,5/0,1,4,5/0,1,2,5/0,1,3,4/1,2,4,5/0,2,3,5/0,1,2,3,4,5 | squash
        S4    subsample 2x2 | squash
        C5    conv 120 5x5 | squash
        F6    linear 84 | squash
        OUT   rbf 10
        """,
        "The paper calls the squash of S2 and S4 a sigmoid; its appendix A has one squash for all, taken here. "
        "Ink is +1 in the output's bitmaps, as in the paper of 1990.",
    ),
    Entry(
        "lenet5-modern",
        "LeNet-5's shape with what came later: ReLU, max-pooling, softmax",
        "LeCun et al. 1998 for the shape; Krizhevsky et al. 2012 for ReLU and max-pooling",
        """
        input 1x28x28
        conv1 conv 6 5x5 padding=2 | relu
        pool1 max 2x2
        conv2 conv 16 5x5 | relu
        pool2 max 2x2
        conv3 conv 120 5x5 | relu
        fc1   linear 84 | relu
        out   linear 10
        """,
    ),
    Entry(
        "digits",
        "a small modern net for 28x28 pictures, as good as minutes on two cores allow",
        "ours; small kernels in pairs after Simonyan & Zisserman 2015, dropout after Srivastava et al. 2014",
        """
        input 1x28x28
        conv1 conv 20 5x5 padding=2 | relu
        pool1 max 2x2
        conv2 conv 40 3x3 | relu
        conv3 conv 40 3x3 | relu
        pool2 max 2x2
        conv4 conv 80 3x3 padding=1 | relu
        conv5 conv 80 3x3 | relu | dropout 0.5
        out   linear 10
        """,
    ),
    Entry(
        "finder",
        "a small net for 28x28 pictures that can be moved over a large one as a single convolution: it pads nowhere",
        "ours; after LeCun et al. 1998, section VII, whose net was moved over lines of digits",
        """
        input 1x28x28
        conv1 conv 20 5x5 | relu
        pool1 max 2x2
        conv2 conv 48 5x5 | relu
        pool2 max 2x2
        conv3 conv 160 4x4 | relu | dropout 0.3
        out   linear 10
        """,
    ),
    Entry(
        "alexnet",
        "AlexNet, exactly as in 2012: two columns, local response normalisation, overlapping pooling",
        "Krizhevsky, Sutskever & Hinton 2012, ImageNet classification with deep convolutional neural networks",
        """
        input 3x227x227 centred
        conv1 conv 96 11x11 stride=4 init=0.01 | relu | lrn
        pool1 max 3x3 stride=2
        conv2 conv 256 5x5 padding=2 groups=2 init=0.01,1 | relu | lrn
        pool2 max 3x3 stride=2
        conv3 conv 384 3x3 padding=1 init=0.01 | relu
        conv4 conv 384 3x3 padding=1 groups=2 init=0.01,1 | relu
        conv5 conv 256 3x3 padding=1 groups=2 init=0.01,1 | relu
        pool5 max 3x3 stride=2
        fc6   linear 4096 init=0.01,1 | relu | dropout 0.5
        fc7   linear 4096 init=0.01,1 | relu | dropout 0.5
        fc8   linear 1000 init=0.01
        """,
        "The paper says 224 pixels, of which windows of 11, 4 apart, make 54 places; its own 55 need the 227 taken here. Its "
        "numbers want pixels as they are, 0 to 255, less their mean; it takes the mean of each place, here it is of each colour.",
    ),
    Entry(
        "alexnet-today",
        "AlexNet's layers with today's first weights, which learn from thousands of pictures, not only from a million",
        "Krizhevsky, Sutskever & Hinton 2012; first weights after He et al. 2015, Delving deep into rectifiers",
        """
        input 3x227x227
        conv1 conv 96 11x11 stride=4 | relu | lrn
        pool1 max 3x3 stride=2
        conv2 conv 256 5x5 padding=2 groups=2 | relu | lrn
        pool2 max 3x3 stride=2
        conv3 conv 384 3x3 padding=1 | relu
        conv4 conv 384 3x3 padding=1 groups=2 | relu
        conv5 conv 256 3x3 padding=1 groups=2 | relu
        pool5 max 3x3 stride=2
        fc6   linear 4096 | relu | dropout 0.5
        fc7   linear 4096 | relu | dropout 0.5
        fc8   linear 1000
        """,
        "The first weights of 2012 say the same of every picture for the first thousands of steps: docs/notebook.md.",
    ),
    Entry(
        "alexnet-owt",
        "AlexNet in one column, as torchvision has it: no groups, no response normalisation",
        "Krizhevsky 2014, One weird trick for parallelizing convolutional neural networks; torchvision's alexnet",
        """
        input 3x224x224
        conv1 conv 64 11x11 stride=4 padding=2 | relu
        pool1 max 3x3 stride=2
        conv2 conv 192 5x5 padding=2 | relu
        pool2 max 3x3 stride=2
        conv3 conv 384 3x3 padding=1 | relu
        conv4 conv 256 3x3 padding=1 | relu
        conv5 conv 256 3x3 padding=1 | relu
        pool5 max 3x3 stride=2
        areas adaptive 6x6 | dropout 0.5
        fc6   linear 4096 | relu | dropout 0.5
        fc7   linear 4096 | relu
        fc8   linear 1000
        """,
        "Where torchvision's differs from the paper's, torchvision's was taken, so that its weights fit: conv4 has 256 "
        "kernels, not 384, and dropout comes before fc6 and fc7. Of how weights begin the paper says nothing: He et al. 2015.",
    ),
    *(
        Entry(
            f"vgg{depth}",
            f"VGG-{depth}: {depth} layers with weights, all kernels 3x3",
            "Simonyan & Zisserman 2015, Very deep convolutional networks for large-scale image recognition, "
            f"configuration {letter}",
            deep.vgg(convolutions),
            "Weights begin as He et al. 2015 have them; the paper trained the shallow net first and began the deep one "
            "from it. Of pictures of other sizes 7x7 means are taken, as torchvision does; at 224 pixels they are the maps.",
        )
        for depth, letter, convolutions in ((11, "A", (1, 1, 2, 2, 2)), (16, "D", (2, 2, 3, 3, 3)))
    ),
    Entry(
        "resnet18",
        "ResNet-18: layers that add to what came before them",
        "He, Zhang, Ren & Sun 2016, Deep residual learning for image recognition, table 1",
        deep.resnet((2, 2, 2, 2)),
        "Where shapes differ the shortcut is a projection, the paper's option B.",
    ),
    Entry(
        "resnet50",
        "ResNet-50: deeper, by blocks that narrow, look and widen again",
        "He, Zhang, Ren & Sun 2016, Deep residual learning for image recognition, table 1",
        deep.resnet((3, 4, 6, 3), bottleneck=True),
        "Where shapes differ the shortcut is a projection, the paper's option B. A stage's first stride is in its 3x3 "
        "convolution, as torchvision has it, not in the 1x1 before it.",
    ),
    Entry(
        "cifar",
        "a small modern net for colour pictures of 32 to 64 pixels",
        "ours; 3x3 kernels after Simonyan & Zisserman 2015, batch normalisation after Ioffe & Szegedy 2015, the mean of each "
        "map after Lin, Chen & Yan 2014",
        """
        input 3x32x32
        conv1 conv 32 3x3 padding=1 bias=no | batchnorm | relu
        pool1 max 2x2
        conv2 conv 64 3x3 padding=1 bias=no | batchnorm | relu
        conv3 conv 64 3x3 padding=1 bias=no | batchnorm | relu
        pool2 max 2x2
        conv4 conv 128 3x3 padding=1 bias=no | batchnorm | relu
        conv5 conv 128 3x3 padding=1 bias=no | batchnorm | relu
        pool3 max 2x2
        conv6 conv 256 3x3 padding=1 bias=no | batchnorm | relu
        mean  global
        out   linear 10
        """,
        "34 million multiplications a picture, all of them such that the native engine takes few: about twenty times "
        "through 50,000 pictures in ten minutes on two cores.",
    ),
    Entry(
        "photos",
        "a small modern net for pictures of 128 to 224 pixels, residual",
        "ours; residual blocks after He et al. 2016, three 3x3 convolutions first after He et al. 2019, Bag of tricks for "
        "image classification with convolutional neural networks",
        deep.small_resnet((48, 96, 192, 384)),
    ),
)


class Zoo(Mapping[str, Stack]):
    """Name -> Stack, parsed when it is asked for.

    >>> zoo["lenet5"].parameters
    60000
    """

    def __getitem__(self, name: str) -> Stack:
        return _stack(name)

    def __iter__(self) -> Iterator[str]:
        return (entry.name for entry in ENTRIES)

    def __len__(self) -> int:
        return len(ENTRIES)


zoo = Zoo()


@cache
def _stack(name: str) -> Stack:
    return parse(entry(name).text)


def entry(name: str) -> Entry:
    """The zoo's entry of that name, with its source.

    Raises:
        KeyError: There is no such net.
    """
    return next(e for e in ENTRIES if e.name == name) if name in set(zoo) else _absent(name)


def _absent(name: str) -> Entry:
    raise KeyError(name)


def find(net: str) -> Stack:
    """The Stack that NET means on a command line: a zoo name, a file of stack text, or the text itself.

    Raises:
        StackError: It is none of the three.

    >>> find("input 1x28x28; out linear 10").outputs
    10
    """
    if net in zoo:
        return zoo[net]
    if any(mark in net for mark in "\n;") or net.lstrip().startswith("input "):
        return parse(net)
    path = Path(net)
    if path.is_file():
        try:
            return parse(path.read_text(encoding="utf-8"))
        except StackError as error:
            raise StackError(f"{path}, {error}") from None
        except (UnicodeDecodeError, OSError) as error:
            raise StackError(
                f"{path}: not a net's text ({error}); give a text file, or one of: {', '.join(zoo)}"
            ) from None
    raise StackError(f"{net}: no net of the zoo and no file; {instead(net, zoo)}")

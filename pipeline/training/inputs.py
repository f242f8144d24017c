"""What training needs before any run is opened: the data set, ImageNet's weights, and a network that works on both."""

from data import DataError
from data.loader import held_out_images
from data.prepared import Prepared, prepare
from models import ARCHITECTURES, ModelError
from models.pretrained import WeightsError, imagenet_weights
from pipeline.config.folders import data_folders, outbox_folder
from pipeline.config.settings import Config
from pipeline.console.errors import BadInput
from pipeline.host.disk import unwritable
from pipeline.training.smoke_test import run_smoke_test


def prepare_inputs(config: Config) -> Prepared:
    """Prepare the data set and, where asked for, download ImageNet's weights; try a custom network on the data.

    Raise BadInput.
    """
    try:
        return _prepare(config)
    except (DataError, ModelError, WeightsError) as error:
        raise BadInput(str(error)) from error


def _prepare(config: Config) -> Prepared:
    if config.pretrained:
        imagenet_weights(config.architecture)
    prepared = prepare(config.data, *data_folders(config))
    if reason := unwritable(outbox_folder(config)):
        raise BadInput(f"results cannot be kept: {reason}: name a folder with data_dir that can be written")
    held_out_images(config.val_split, len(prepared.x_train))
    if config.architecture not in ARCHITECTURES.values():
        run_smoke_test(config, prepared)
    return prepared

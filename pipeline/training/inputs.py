"""What training needs before any run is opened: the data set, ImageNet's weights, and a network that works on both."""

from data import DataError
from data.loader import held_out_images
from data.prepared import Prepared, prepare
from models import ARCHITECTURES, ModelError
from models.architectures import SIZE
from models.pretrained import WeightsError, imagenet_weights
from pipeline.config.folders import data_folders, outbox_folder
from pipeline.config.resolve import refuse_size
from pipeline.config.settings import Config
from pipeline.console.errors import BadInput
from pipeline.host.disk import unwritable
from pipeline.training.smoke_test import run_smoke_test


def prepare_inputs(config: Config) -> Prepared:
    """Do what `load_inputs` does, and try a network that is custom, or at another size; raise BadInput."""
    prepared = load_inputs(config)
    if config.architecture not in ARCHITECTURES.values() or prepared.manifest.image_size != SIZE:
        try:
            run_smoke_test(config, prepared)
        except ModelError as error:
            raise BadInput(str(error)) from error
    return prepared


def load_inputs(config: Config) -> Prepared:
    """Prepare the data set and, where asked for, download ImageNet's weights; raise BadInput."""
    try:
        if config.pretrained:
            imagenet_weights(config.architecture)
        prepared = prepare(config.data, *data_folders(config))
        if not config.architecture.any_size:
            refuse_size(config.architecture.name, prepared.manifest.image_size)
        held_out_images(config.val_split, len(prepared.x_train))
    except (DataError, WeightsError) as error:
        raise BadInput(str(error)) from error
    if reason := unwritable(outbox_folder(config)):
        raise BadInput(f"results cannot be kept: {reason}: name a folder with data_dir that can be written")
    return prepared

# SPDX-License-Identifier: BSD-3-Clause
"""Optical photons by Geant4 (geant4-pybind), without its data sets.

    python validation/peers/geant4_slabs.py IN.json OUT.npz

IN   photons, seed; beams: list of {"from": "air" or "glass", "angle": degree, "pol": [s, p]};
     index (of the glass), absorption_mm, scattering_mm (of a block that light starts in)
OUT  for each beam i: dir_i, pol_i [n, 3] after the first boundary, the plane z = 0 (the plane of
     incidence is x-z); bulk_length [n], bulk_scattered bool [n], bulk_dir, bulk_pol [n, 3] after
     the first interaction of light that starts along z with polarization x

Optical photons need no data, but the package wants some at three places. At import it offers to
download them: the answer is no. The run manager refuses to start without a table of nuclides: it is
given an empty one. The electromagnetic parameters warn that there is no G4LEDATA.
"""

import io
import json
import os
import sys
import tempfile

import numpy as np

with tempfile.TemporaryDirectory() as empty:
    with open(os.path.join(empty, "ENSDFSTATE.dat"), "w"):
        pass
    os.environ["G4ENSDFSTATEDATA"] = empty
    stdin, sys.stdin = sys.stdin, io.StringIO("n\n")
    import geant4_pybind as g4

    sys.stdin = stdin
    with open(sys.argv[1]) as file:
        GIVEN = json.load(file)
    manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)

ENERGY = 3.1 * g4.eV


def medium(name, element, index, absorption_mm=None, scattering_mm=None):
    """A material whose optical properties do not depend on the wavelength, and its table."""
    material = g4.G4NistManager.Instance().BuildMaterialWithNewDensity(name, element)
    table = g4.G4MaterialPropertiesTable()
    for key, value in (
        ("RINDEX", index),
        ("ABSLENGTH", absorption_mm),
        ("RAYLEIGH", scattering_mm),
    ):
        if value is not None:
            energies = g4.G4doubleVector([1.0 * g4.eV, 6.0 * g4.eV])
            table.AddProperty(key, energies, g4.G4doubleVector([value, value]))
    material.SetMaterialPropertiesTable(table)
    return material, table


class Slabs(g4.G4VUserDetectorConstruction):
    """Air above glass, their plane at z = 0; far below, a block that absorbs and scatters."""

    def Construct(self):
        air, glass, block = (
            medium("air", "G4_AIR", 1.0),
            medium("glass", "G4_SILICON_DIOXIDE", GIVEN["index"]),
            medium(
                "block", "G4_WATER", GIVEN["index"], GIVEN["absorption_mm"], GIVEN["scattering_mm"]
            ),
        )
        self.kept = [air, glass, block]
        m = g4.m
        world = g4.G4LogicalVolume(g4.G4Box("world", 50 * m, 50 * m, 50 * m), air[0], "world")
        outer = g4.G4PVPlacement(None, g4.G4ThreeVector(), world, "world", None, False, 0)
        for name, material, half, z in (
            ("glass", glass[0], 5 * m, -5 * m),
            ("block", block[0], 10 * m, -30 * m),
        ):
            shape = g4.G4LogicalVolume(g4.G4Box(name, half, half, half), material, name)
            self.kept.append(shape)
            g4.G4PVPlacement(None, g4.G4ThreeVector(0, 0, z), shape, name, world, False, 0)
        return outer


class Particles(g4.G4VPhysicsConstructor):
    """What the kernel needs to know, to run at all."""

    def ConstructParticle(self):
        for particle in ("OpticalPhoton", "Gamma", "Electron", "Positron", "Proton"):
            kind = getattr(g4, f"G4{particle}")
            getattr(kind, f"{particle}Definition")()

    def ConstructProcess(self):
        pass


class Physics(g4.G4VModularPhysicsList):
    def __init__(self):
        super().__init__()
        self.RegisterPhysics(Particles())
        self.RegisterPhysics(g4.G4OpticalPhysics())


class Gun(g4.G4VUserPrimaryGeneratorAction):
    def __init__(self):
        super().__init__()
        self.gun = g4.G4ParticleGun(1)
        self.gun.SetParticleDefinition(g4.G4OpticalPhoton.OpticalPhotonDefinition())
        self.gun.SetParticleEnergy(ENERGY)

    def aim(self, position, direction, polarization):
        self.gun.SetParticlePosition(g4.G4ThreeVector(*position))
        self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(*direction))
        self.gun.SetParticlePolarization(g4.G4ThreeVector(*polarization))

    def GeneratePrimaries(self, event):
        self.gun.GeneratePrimaryVertex(event)


class FirstStep(g4.G4UserSteppingAction):
    """Notes what the first step of every photon led to, and ends it."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def UserSteppingAction(self, step):
        track = step.GetTrack()
        is_alive = track.GetTrackStatus() != g4.fStopAndKill
        point = step.GetPostStepPoint()
        d, e = point.GetMomentumDirection(), point.GetPolarization()
        self.rows.append((d.x, d.y, d.z, e.x, e.y, e.z, step.GetStepLength(), is_alive))
        track.SetTrackStatus(g4.fStopAndKill)

    def take(self):
        rows, self.rows = np.array(self.rows, np.float64), []
        return rows


class Actions(g4.G4VUserActionInitialization):
    def Build(self):
        self.gun, self.first = Gun(), FirstStep()
        self.SetUserAction(self.gun)
        self.SetUserAction(self.first)


actions, slabs, physics = Actions(), Slabs(), Physics()
manager.SetUserInitialization(slabs)
manager.SetUserInitialization(physics)
manager.SetUserInitialization(actions)
manager.Initialize()
g4.G4Random.setTheSeed(GIVEN["seed"])
out = {}
for i, beam in enumerate(GIVEN["beams"]):
    angle = np.radians(beam["angle"])
    down = -1.0 if beam["from"] == "air" else 1.0
    d = np.array([np.sin(angle), 0.0, down * np.cos(angle)])
    s, p = np.array([0.0, 1.0, 0.0]), np.cross([0.0, 1.0, 0.0], d)
    actions.gun.aim(-100.0 * d, d, beam["pol"][0] * s + beam["pol"][1] * p)
    manager.BeamOn(GIVEN["photons"])
    rows = actions.first.take()
    out[f"dir_{i}"], out[f"pol_{i}"] = rows[:, :3], rows[:, 3:6]
actions.gun.aim((0.0, 0.0, -30.0 * g4.m), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
manager.BeamOn(GIVEN["photons"])
rows = actions.first.take()
out["bulk_dir"], out["bulk_pol"], out["bulk_length"] = rows[:, :3], rows[:, 3:6], rows[:, 6]
out["bulk_scattered"] = rows[:, 7] > 0.0
np.savez(sys.argv[2], **out)
